"""Keeping what a step returned: each value in the blob store, in a form of its own kind.

`forms.py` says what a value is, `frames.py` and `filing.py` keep tables, files and folders. What
has no safe form is refused, and so is what holds a secret; `values.py` reads it all back.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from trueup.foundation import digests
from trueup.foundation.errors import MissingExtraError, TrueupError, UserCodeError
from trueup.foundation.records import encode
from trueup.lifecycle.pipeline import nesting
from trueup.lifecycle.pipeline.passing import filing, forms, frames
from trueup.lifecycle.pipeline.records import Place, StoredValue
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
    "torch": "return tensor_model(network, arguments={…}) with: from trueup import tensor_model",
    "function": "return function_model(predict) with: from trueup import function_model",
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
    keeping = _Store(blobs, step, at, guard)
    try:
        nesting.check(value)
    except nesting.Endless as error:
        raise keeping.refused(error.where, error.problem, cure=error.cure) from None
    return keeping.keep(value, "")


def listed(items_: list[StoredValue]) -> StoredValue:
    """The stored list of values that are stored already, such as the results of a mapped step.

    A list of plain data may be kept as JSON or item by item; it loads equal, and is one input.
    """
    digest = digests.of_record([[item.kind, item.digest] for item in items_])
    return StoredValue(kind="list", digest=digest, items=tuple(items_))


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
        if forms.is_plain(value):
            raw = encode(forms.as_json(value, lambda problem: self.refused(where, problem)))
            return StoredValue(kind="json", format="json", digest=self._put(raw, where))
        if isinstance(value, Mapping):
            return (
                self._tensors(value, where)
                if forms.are_tensors(value)
                else self._parts(value, where)
            )
        if type(value) in (list, tuple):
            return listed([self.keep(item, f"{where}[{i}]") for i, item in enumerate(value)])
        return self._model(value, where)

    def _atom(self, value: Any, where: str) -> StoredValue | None:
        """What is kept as one thing, without a look inside; None for the rest."""
        if type(value) is str:
            try:
                return StoredValue(kind="text", digest=self._put(value.encode(), where))
            except UnicodeEncodeError as error:
                raise self.refused(where, "is a text that UTF-8 cannot say") from error
        if isinstance(value, bytes | bytearray):
            return StoredValue(kind="bytes", digest=self._put(bytes(value), where))
        if isinstance(value, PurePath):
            return self._path(Path(value), where)
        if frames.is_frame(value):
            return self._frame(value, where)
        if forms.is_array(value):
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
            raise self.refused(where, str(error)) from error
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
            raise self.refused(where, str(error)) from error
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
            raise self.refused(where, "is an array of Python objects") from error
        rows = array.shape[0] if array.ndim else None
        digest = self._put(buffer.getvalue(), where)
        return StoredValue(kind="array", format="npy", digest=digest, rows=rows)

    def _tensors(self, value: Mapping[str, Any], where: str) -> StoredValue:
        import numpy as np

        arrays = {name: np.asarray(array, order="C") for name, array in value.items()}
        try:
            raw = forms.safetensors().save(arrays)
        except MissingExtraError:
            return self._parts(value, where)
        return StoredValue(kind="tensors", format="safetensors", digest=self._put(raw, where))

    def _parts(self, value: Mapping[Any, Any], where: str) -> StoredValue:
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise self.refused(where, f"has the key {wrong[0]!r}; keys must be text")
        parts = {key: self.keep(item, f"{where}[{key!r}]") for key, item in value.items()}
        # Sorted, as they come back from a record: the order of a dict is not kept.
        digest = digests.of_record([[key, item.digest] for key, item in sorted(parts.items())])
        return StoredValue(kind="parts", digest=digest, parts=parts)

    def _model(self, value: Any, where: str) -> StoredValue:
        missing: MissingExtraError | None = None
        known = type(value).__module__.partition(".")[0] in _NO_MODELS  # spare the imports
        for name in [] if known else loading.names("formats"):
            try:
                format_ = forms.model_format(name)
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
        raise self.refused(where, "", type(value), missing)

    def _leak(self, name: str, where: str) -> UserCodeError:
        return UserCodeError(
            "secret-returned",
            f"{self._at}: what step '{self._step}' returned{where and f' in {where}'} holds "
            f"the secret '{name}', so it was not kept.",
            hint="return what was made with the secret, not the secret",
            context={"step": self._step, "file": self._at.file, "line": self._at.line},
        )

    def refused(
        self,
        where: str,
        problem: str,
        type_: type | None = None,
        missing: MissingExtraError | None = None,
        cure: str = "",
    ) -> UserCodeError:
        hint = cure or f"return {_KINDS}"
        if type_ is not None:
            name = f"{type_.__module__}.{type_.__qualname__}".removeprefix("builtins.")
            problem = f"is a {name}, which has no safe stored form"
            is_network = any(base.__module__.startswith("torch.nn") for base in type_.__mro__)
            known = "torch" if is_network else name
            hint = next((cure for word, cure in _CURES.items() if word in known), hint)
            if missing is not None and hint.startswith("return a "):
                hint = f"{hint}; for a model: {missing.hint}"
        return UserCodeError(
            "step-output",
            f"{self._at}: what step '{self._step}' returned{where and f' in {where}'} {problem}.",
            hint=hint,
            context={"step": self._step, "file": self._at.file, "line": self._at.line},
        )
