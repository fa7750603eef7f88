"""Values between steps, kept in the blob store in a form of their own kind. Never pickle.

A frame is Parquet, plain data JSON, an array `.npy`, a dict of arrays safetensors, text, bytes,
files and folders are themselves, a fitted model goes through the first format back end that accepts
it, and a list or dict of such values is kept value by value. Equal values give equal bytes. Read
`frames.py` and `filing.py` next; no large library is imported before a value needs it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from trueup.foundation import digests
from trueup.foundation.errors import (
    InternalError,
    MissingExtraError,
    NotFoundError,
    TrueupError,
    UserCodeError,
)
from trueup.foundation.records import encode
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline.passing import filing, frames
from trueup.lifecycle.pipeline.records import Place, StoredValue
from trueup.lifecycle.pipeline.rules import names_of
from trueup.lifecycle.pipeline.secrets import Guard
from trueup.ports import loading
from trueup.ports.blobs import Blobs

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_KINDS = (
    "a polars DataFrame, a fitted model, a NumPy array, plain data (numbers, text, lists, dicts), "
    "bytes, the Path of a file or folder, or a list or dict of these"
)
_NO_MODELS = frozenset({"builtins", "datetime", "numpy", "pandas", "polars", "pyarrow", "torch"})
_NOBODY = Guard({})
_CURES = {
    "torch": "return {name: tensor.numpy() for name, tensor in model.state_dict().items()}",
    "LazyFrame": "return frame.collect()",
    "pandas.core.series": "return series.to_frame()",
    "Series": "return series.to_frame()",
    "datetime": "return moment.isoformat()",
    "generator": "return list(items)",
    "set": "return sorted(items)",
}


def store(blobs: Blobs, value: Any, step: str, at: Place, guard: Guard = _NOBODY) -> StoredValue:
    """Keep what a step returned.

    Args:
        blobs: Where to.
        value: What it returned.
        step: Name of the step, for messages.
        at: Where the step is called, for messages.
        guard: Looks for the secrets that the step was given.

    Raises:
        UserCodeError: The value has no safe stored form, and the hint says what to return instead;
            or it holds a secret.
    """
    return _Store(blobs, step, at, guard).keep(value, "")


def load(
    blobs: Blobs, stored: StoredValue, lay: Callable[[StoredValue], Path] | None = None
) -> Any:
    """The value; each call gives a new one, so nobody can change another step's input.

    Args:
        blobs: Where it is kept.
        stored: What to load.
        lay: Gives the place of a file or folder; without it a file is the store's own.
    """
    if stored.kind == "parts":
        return {name: load(blobs, part, lay) for name, part in stored.parts.items()}
    if stored.kind == "list":
        return [load(blobs, item, lay) for item in stored.items]
    if stored.kind in ("file", "folder"):
        if lay is not None:
            return lay(stored)
        if stored.kind == "folder":
            raise InternalError("internal", "A folder was asked for without a place to lay it.")
        return blobs.local_path(stored.digest)
    if stored.kind == "frame":
        return frames.read(blobs.local_path(stored.digest))
    return _decoded(stored, blobs.get(stored.digest))


def items(blobs: Blobs, stored: StoredValue) -> tuple[StoredValue | Any, ...] | None:
    """The items of a stored list, for a step that is mapped over it; None when it is no list.

    An item is a stored value, or plain data when the whole list is plain data.
    """
    if stored.kind == "list":
        return stored.items
    if stored.kind == "json":
        plain = _decoded(stored, blobs.get(stored.digest))
        return tuple(plain) if isinstance(plain, list) else None
    return None


def listed(items_: list[StoredValue]) -> StoredValue:
    """The stored list of values that are stored already, such as the results of a mapped step.

    A list of plain data may be kept as JSON or item by item; it loads equal, and is one input.
    """
    digest = digests.of_record([[item.kind, item.digest] for item in items_])
    return StoredValue(kind="list", digest=digest, items=tuple(items_))


def _decoded(stored: StoredValue, raw: bytes) -> Any:
    if stored.kind == "json":
        return msgspec.json.decode(raw)
    if stored.kind == "text":
        return raw.decode()
    if stored.kind == "bytes":
        return raw
    if stored.kind == "array":
        import numpy as np

        return np.load(io.BytesIO(raw), allow_pickle=False)
    if stored.kind == "tensors":
        return dict(sorted(_safetensors().load(raw).items()))
    return _format(stored.format).load(raw)


def is_present(blobs: Blobs, stored: StoredValue) -> bool:
    """Whether all bytes of the value are still kept."""
    return present(blobs, [stored])[0]


def present(blobs: Blobs, stored: Sequence[StoredValue]) -> list[bool]:
    """For each of many values whether all its bytes are still kept; asked together."""
    wanted: list[set[str] | None] = []
    for each in stored:
        try:
            wanted.append(set(filing.blobs_of(blobs, each)))
        except NotFoundError:
            wanted.append(None)  # a folder whose own list of files is gone
    missing = blobs.missing(set().union(*(digests_ for digests_ in wanted if digests_)))
    return [digests_ is not None and not digests_ & missing for digests_ in wanted]


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
    if stored.kind == "tensors":
        arrays = load(blobs, stored)
        if key in arrays:
            return store(blobs, arrays[key], step, at)
        known = list(arrays)
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
    def __init__(self, blobs: Blobs, step: str, at: Place, guard: Guard) -> None:
        self._blobs = blobs
        self._step = step
        self._at = at
        self._guard = guard

    def keep(self, value: Any, where: str) -> StoredValue:
        kept = self._atom(value, where)
        if kept is not None:
            return kept
        if _is_plain(value):
            raw = encode(_as_json(value, lambda problem: self._refuse(where, problem)))
            return StoredValue(kind="json", format="json", digest=self._put(raw, where))
        if isinstance(value, Mapping):
            return self._tensors(value, where) if _are_tensors(value) else self._parts(value, where)
        if type(value) in (list, tuple):
            return listed([self.keep(item, f"{where}[{i}]") for i, item in enumerate(value)])
        return self._model(value, where)

    def _atom(self, value: Any, where: str) -> StoredValue | None:
        """What is kept as one thing, without a look inside; None for the rest."""
        if type(value) is str:
            try:
                return StoredValue(kind="text", digest=self._put(value.encode(), where))
            except UnicodeEncodeError as error:
                raise self._refuse(where, "is a text that UTF-8 cannot say") from error
        if isinstance(value, bytes | bytearray):
            return StoredValue(kind="bytes", digest=self._put(bytes(value), where))
        if isinstance(value, PurePath):
            return self._path(Path(value), where)
        if frames.is_frame(value):
            return self._frame(value, where)
        if _is_array(value):
            return self._array(value, where)
        return None

    def _put(self, raw: bytes, where: str) -> str:
        if leaked := self._guard.in_bytes(raw):
            raise self._leak(leaked, where)
        return self._blobs.put(raw)

    def _path(self, path: Path, where: str) -> StoredValue:
        try:
            stored, leaked = filing.keep(self._blobs, path, self._guard)
        except filing.Unkept as error:
            raise self._refuse(where, str(error)) from error
        if leaked:
            raise self._leak(leaked, where)
        return stored

    def _frame(self, value: Any, where: str) -> StoredValue:
        try:
            frame = frames.as_polars(value)
            if leaked := self._guard.in_frame(frame):
                raise self._leak(leaked, where)
            digest = self._parquet(frame)
        except frames.Unkept as error:
            raise self._refuse(where, str(error)) from error
        return StoredValue(
            kind="frame",
            format="parquet",
            digest=digest,
            rows=frame.height,
            columns=tuple(frame.columns),
        )

    def _parquet(self, frame: pl.DataFrame) -> str:
        if frame.estimated_size() <= frames.IN_MEMORY:
            return self._blobs.put(frames.to_parquet(frame))
        with self._blobs.batch() as batch:
            aside = batch.aside()
            frames.to_parquet_file(frame, aside)
            return batch.put_file(aside)

    def _array(self, array: np.ndarray[Any, Any], where: str) -> StoredValue:
        import numpy as np

        buffer = io.BytesIO()
        try:
            np.save(buffer, np.asarray(array, order="C"), allow_pickle=False)
        except ValueError as error:
            raise self._refuse(where, "is an array of Python objects") from error
        rows = array.shape[0] if array.ndim else None
        digest = self._put(buffer.getvalue(), where)
        return StoredValue(kind="array", format="npy", digest=digest, rows=rows)

    def _tensors(self, value: Mapping[str, Any], where: str) -> StoredValue:
        import numpy as np

        arrays = {name: np.asarray(array, order="C") for name, array in value.items()}
        try:
            raw = _safetensors().save(arrays)
        except MissingExtraError:
            return self._parts(value, where)
        return StoredValue(kind="tensors", format="safetensors", digest=self._put(raw, where))

    def _parts(self, value: Mapping[Any, Any], where: str) -> StoredValue:
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise self._refuse(where, f"has the key {wrong[0]!r}; keys must be text")
        parts = {key: self.keep(item, f"{where}[{key!r}]") for key, item in value.items()}
        # Sorted, as they come back from a record: the order of a dict is not kept.
        digest = digests.of_record([[key, item.digest] for key, item in sorted(parts.items())])
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
                return StoredValue(kind="model", format=name, digest=self._put(raw, where))
        raise self._refuse(where, "", type(value), missing)

    def _leak(self, name: str, where: str) -> UserCodeError:
        return UserCodeError(
            "secret-returned",
            f"{self._at}: what step '{self._step}' returned{where and f' in {where}'} holds "
            f"the secret '{name}', so it was not kept.",
            hint="return what was made with the secret, not the secret",
            context={"step": self._step, "file": self._at.file, "line": self._at.line},
        )

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


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise MissingExtraError("safetensors", "tensors") from error
    return safetensors.numpy


# What safetensors can say of NumPy's types.
_TENSOR_TYPES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


def _is_array(value: Any) -> bool:
    return any(f"{c.__module__}.{c.__name__}" == "numpy.ndarray" for c in type(value).__mro__)


def _are_tensors(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(
        isinstance(name, str)
        and _is_array(array)
        and array.dtype.isnative
        and array.dtype.str[1:] in _TENSOR_TYPES
        for name, array in value.items()
    )


def _is_number(value: Any) -> bool:
    """Whether a value is one number of NumPy; that library may not be imported at all."""
    return type(value).__module__ == "numpy" and hasattr(value, "item") and not _is_array(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return type(value) is dict and all(
            isinstance(key, str) and _is_plain(item) for key, item in value.items()
        )
    if type(value) in (list, tuple):
        return all(_is_plain(item) for item in value)
    if _is_number(value):
        return value.dtype.kind in "biuf"
    return value is None or isinstance(value, str | bool | int | float)


def _as_json(value: Any, refuse: Any) -> Any:
    """Plain JSON data; NumPy numbers become Python's, tuples become lists."""
    if isinstance(value, dict):
        return {key: _as_json(item, refuse) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item, refuse) for item in value]
    if _is_number(value):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse(f"holds {value}, which JSON cannot say; leave it out instead")
    return value
