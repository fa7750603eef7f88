"""Values between steps, kept in the blob store in a form of their own kind. Never pickle.

A frame is Parquet, plain data is JSON, an array is `.npy`, a fitted model goes through the first
format back end that accepts it, and a dict of such values is kept value by value.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import numpy as np
import polars as pl

from trueup.foundation import digests
from trueup.foundation.errors import MissingExtraError, TrueupError, UserCodeError
from trueup.foundation.records import encode
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline.records import Place, StoredValue
from trueup.lifecycle.pipeline.rules import names_of
from trueup.ports import loading
from trueup.ports.blobs import Blobs

_KINDS = (
    "a polars DataFrame, a fitted model, a NumPy array, plain data "
    "(numbers, text, lists, dicts), or a dict of these"
)
_NO_MODELS = frozenset({"builtins", "datetime", "numpy", "pandas", "polars", "pyarrow"})
_CURES = {
    "pandas": "return pl.from_pandas(frame)",
    "LazyFrame": "return frame.collect()",
    "Series": "return series.to_frame()",
    "pyarrow": "return pl.from_arrow(table)",
    "datetime": "return moment.isoformat()",
    "generator": "return list(items)",
    "set": "return sorted(items)",
}


def store(blobs: Blobs, value: Any, step: str, at: Place) -> StoredValue:
    """Keep what a step returned.

    Args:
        blobs: Where to.
        value: What it returned.
        step: Name of the step, for messages.
        at: Where the step is called, for messages.

    Raises:
        UserCodeError: The value has no safe stored form; the hint says what to return instead.
    """
    return _Store(blobs, step, at).keep(value, "")


def load(blobs: Blobs, stored: StoredValue) -> Any:
    """The value; each call gives a new one, so nobody can change another step's input."""
    if stored.kind == "parts":
        return {name: load(blobs, part) for name, part in stored.parts.items()}
    if stored.kind == "frame":
        return pl.read_parquet(blobs.local_path(stored.digest), glob=False)
    raw = blobs.get(stored.digest)
    if stored.kind == "json":
        return msgspec.json.decode(raw)
    if stored.kind == "array":
        return np.load(io.BytesIO(raw), allow_pickle=False)
    return _format(stored.format).load(raw)


def is_present(blobs: Blobs, stored: StoredValue) -> bool:
    """Whether all bytes of the value are still kept."""
    if stored.kind == "parts":
        return all(is_present(blobs, part) for part in stored.parts.values())
    return blobs.has(stored.digest)


def part(blobs: Blobs, stored: StoredValue, key: str, step: str, at: Place) -> StoredValue:
    """One value of a stored dict.

    Raises:
        UserCodeError: The step returned no dict, or one without that key.
    """
    if stored.kind == "parts" and key in stored.parts:
        return stored.parts[key]
    known: list[str] = list(stored.parts)
    if stored.kind == "json":
        plain = load(blobs, stored)
        if isinstance(plain, dict):
            if key in plain:
                return store(blobs, plain[key], step, at)
            known = list(plain)
    has = f"it has {names_of(known)}" if known else f"it is a {stored.kind}"
    raise UserCodeError(
        "step-output-missing",
        f"{at}: the result of step '{step}' has no '{key}'; {has}.{did_you_mean(key, known)}",
        hint=f"correct the name at {at}",
        context={"file": at.file, "line": at.line, "step": step},
    )


def metrics(blobs: Blobs, stored: StoredValue) -> dict[str, float]:
    """The numbers of a result that is a dict of numbers by name; empty for any other result."""
    if stored.kind != "json":
        return {}
    plain = load(blobs, stored)
    if not isinstance(plain, dict) or not all(type(v) in (int, float) for v in plain.values()):
        return {}
    return {name: float(value) for name, value in plain.items()}


class _Store:
    def __init__(self, blobs: Blobs, step: str, at: Place) -> None:
        self._blobs = blobs
        self._step = step
        self._at = at

    def keep(self, value: Any, where: str) -> StoredValue:
        if isinstance(value, pl.DataFrame):
            return self._frame(value, where)
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if _is_plain(value):
            raw = encode(_as_json(value, lambda problem: self._refuse(where, problem)))
            return StoredValue(kind="json", format="json", digest=self._blobs.put(raw))
        if isinstance(value, Mapping):
            return self._parts(value, where)
        return self._model(value, where)

    def _frame(self, frame: pl.DataFrame, where: str) -> StoredValue:
        buffer = io.BytesIO()
        try:
            frame.rechunk().write_parquet(buffer)
            schema = pl.read_parquet_schema(io.BytesIO(buffer.getvalue()))
        except Exception as error:
            raise self._refuse(where, f"is a frame that Parquet cannot hold ({error})") from error
        changed = [name for name, kind in frame.schema.items() if schema.get(name) != kind]
        if changed:
            kind = frame.schema[changed[0]]
            raise self._refuse(
                where, f"has the column '{changed[0]}' of type {kind}, which Parquet cannot hold"
            )
        return StoredValue(
            kind="frame",
            format="parquet",
            digest=self._blobs.put(buffer.getvalue()),
            rows=frame.height,
            columns=tuple(frame.columns),
        )

    def _array(self, array: np.ndarray[Any, Any], where: str) -> StoredValue:
        buffer = io.BytesIO()
        try:
            np.save(buffer, array, allow_pickle=False)
        except ValueError as error:
            raise self._refuse(where, "is an array of Python objects") from error
        digest = self._blobs.put(buffer.getvalue())
        rows = array.shape[0] if array.ndim else None
        return StoredValue(kind="array", format="npy", digest=digest, rows=rows)

    def _parts(self, value: Mapping[Any, Any], where: str) -> StoredValue:
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise self._refuse(where, f"has the key {wrong[0]!r}; keys must be text")
        parts = {key: self.keep(item, f"{where}[{key!r}]") for key, item in value.items()}
        digest = digests.of_record([[key, item.digest] for key, item in parts.items()])
        return StoredValue(kind="parts", digest=digest, parts=parts)

    def _model(self, value: Any, where: str) -> StoredValue:
        missing: MissingExtraError | None = None
        known = type(value).__module__.partition(".")[0] in _NO_MODELS  # spare the imports
        for name in [] if known else loading.names("formats"):
            try:
                format_ = _format(name)
            except MissingExtraError as error:
                missing = error
                continue
            if format_.accepts(value):
                try:
                    raw = format_.dump(value)
                except TrueupError as error:
                    raise UserCodeError(
                        error.code,
                        f"{self._at}: step '{self._step}': {error.message}",
                        hint=error.hint,
                        context=error.context,
                    ) from error
                return StoredValue(kind="model", format=name, digest=self._blobs.put(raw))
        raise self._refuse(where, "", type(value), missing)

    def _refuse(
        self,
        where: str,
        problem: str,
        type_: type | None = None,
        missing: MissingExtraError | None = None,
    ) -> UserCodeError:
        hint = f"return {_KINDS}"
        if type_ is not None:
            name = f"{type_.__module__}.{type_.__qualname__}".removeprefix("builtins.")
            problem = f"is a {name}, which has no safe stored form"
            hint = next((cure for word, cure in _CURES.items() if word in name), hint)
            if missing is not None and hint.startswith("return a "):
                hint = f"{hint}; for a model: {missing.hint}"
        return UserCodeError(
            "step-output",
            f"{self._at}: what step '{self._step}' returned{where and f' in {where}'} {problem}.",
            hint=hint,
            context={"step": self._step, "file": self._at.file, "line": self._at.line},
        )


@cache
def _format(name: str) -> Any:
    return loading.load("formats", name)()


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return type(value) is dict and all(
            isinstance(key, str) and _is_plain(item) for key, item in value.items()
        )
    if type(value) in (list, tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | bool | int | float | np.bool | np.number)


def _as_json(value: Any, refuse: Any) -> Any:
    """Plain JSON data; NumPy numbers become Python's, tuples become lists."""
    if isinstance(value, dict):
        return {key: _as_json(item, refuse) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item, refuse) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        raise refuse("holds a complex number, which JSON cannot say")
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse(f"holds {value}, which JSON cannot say; leave it out instead")
    return value
