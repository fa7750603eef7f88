"""Values between steps, read back from the blob store where they are kept. Never pickle.

A frame is Parquet, plain data JSON, an array `.npy`, a dict of arrays safetensors, text, bytes,
files and folders are themselves, a fitted model goes through the first format back end that accepts
it, and a list or dict of such values is kept value by value. Equal values give equal bytes.
`keeping.py` writes them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trueup.foundation.errors import InternalError, NotFoundError, UserCodeError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline.passing import filing, forms, frames, keeping
from trueup.lifecycle.pipeline.records import Place, StoredValue
from trueup.lifecycle.pipeline.rules import names_of
from trueup.ports.blobs import Blobs


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
        return dict(sorted(forms.safetensors().load(raw).items()))
    return forms.model_format(stored.format).load(raw)


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
                return keeping.store(blobs, plain[key], step, at)
            known = list(plain)
    if stored.kind == "tensors":
        arrays = load(blobs, stored)
        if key in arrays:
            return keeping.store(blobs, arrays[key], step, at)
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
