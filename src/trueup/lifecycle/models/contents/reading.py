"""What files of a model are: quarantined with its reason, or of a format and a signature."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from trueup.foundation.records import Record
from trueup.lifecycle.models.contents.containers import danger_in
from trueup.lifecycle.models.records import Column, ColumnKind, ForeignFile, Signature
from trueup.ports.code import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.ports.blobs import Blobs

_SMALL: Final = 64 << 10  # kept in packs
_LARGEST_WORDS: Final = 1 << 20
_KINDS: Final[dict[str, ColumnKind]] = {
    **{"double": "number", "float": "number", "long": "integer", "integer": "integer"},
    **{"string": "text", "boolean": "boolean"},
}
_STARTS: Final = (
    (b"tree\nversion=", "lightgbm"),
    (b'{"learner"', "xgboost"),
    (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "xgboost"),
)
_ONNX: Final = ".onnx"
_ARCHITECTURE: Final = b'{"__metadata__":{"trueup.architecture"'


class Contents(Record):
    """What was found.

    Attributes:
        quarantined: Why it is never loaded; empty when nothing speaks against it.
        format: Name of the format of its one model file; empty when there is none, or several.
        file: Digest of that file.
        signature: What it takes, as its files say; without inputs when they do not.
    """

    quarantined: str
    format: str
    file: str
    signature: Signature


def read(blobs: Blobs, files: tuple[ForeignFile, ...]) -> Contents:
    """Look into all files of a model, once; not one is loaded."""
    known = _known.get(files) or _read(blobs, files)
    _known[files] = known
    while len(_known) > _MOST_KNOWN:
        _known.pop(next(iter(_known)), None)
    return known


_MOST_KNOWN: Final = 64
_known: dict[tuple[ForeignFile, ...], Contents] = {}


def _read(blobs: Blobs, files: Sequence[ForeignFile]) -> Contents:
    quarantined = ""
    found: list[tuple[str, str]] = []
    for file in files:
        with _opened(blobs, file) as content:
            danger = danger_in(content)
            form = "" if danger else format_of(file.path, content)
            if form in FORMATS:
                danger = "is code, which only a run of this project brings"
            if danger and not quarantined:
                quarantined = f"'{file.path[:200]}' {danger}"
        if form:
            found.append((form, file.digest))
    form, digest = found[0] if len(found) == 1 and not quarantined else ("", "")
    inputs = _said(blobs, files) or _shown(blobs, files)
    return Contents(
        quarantined=quarantined, format=form, file=digest, signature=Signature(inputs=inputs)
    )


@contextmanager
def _opened(blobs: Blobs, file: ForeignFile) -> Iterator[IO[bytes]]:
    if file.size < _SMALL:
        yield io.BytesIO(blobs.get(file.digest))
        return
    with blobs.local_path(file.digest).open("rb") as content:
        yield content


def format_of(path: str, content: IO[bytes]) -> str:
    """The format of a file by its first bytes; ONNX has none of its own, there its name decides."""
    content.seek(0)
    head = content.read(1 << 16)
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head.startswith(b"PK\x03\x04"):
        names = _members(content)
        known = {"schema.json": "skops", "trueup-model.json": "function"}
        return next((form for name, form in known.items() if name in names), "")
    if _ARCHITECTURE in head:
        return "safetensors"
    return "onnx" if path.endswith(_ONNX) and head[:1] == b"\x08" else ""


def _members(content: IO[bytes]) -> set[str]:
    import zipfile

    content.seek(0)
    with zipfile.ZipFile(content) as archive:
        return set(archive.namelist())


def _said(blobs: Blobs, files: Sequence[ForeignFile]) -> tuple[Column, ...]:
    """The inputs that the file `MLmodel` states; none when one has a kind that no request has."""
    import yaml

    raw = _words(blobs, files, "MLmodel")
    try:
        stated = yaml.safe_load(raw)["signature"]["inputs"]
        columns = msgspec.json.decode(stated)
        return tuple(
            Column(
                name=each["name"],
                kind=_KINDS[each["type"]],
                nullable=not each.get("required", True),
            )
            for each in columns
        )
    except (yaml.YAMLError, msgspec.MsgspecError, *_ODD):
        return ()


def _shown(blobs: Blobs, files: Sequence[ForeignFile]) -> tuple[Column, ...]:
    """The inputs that example rows imply, as clients keep them: columns and rows apart."""
    try:
        example: Any = msgspec.json.decode(_words(blobs, files, "input_example.json"))
        names, rows = example["columns"], example["data"]
        return tuple(
            Column(
                name=str(name),
                kind=_kind_of({type(row[place]) for row in rows} - {type(None)}),
                nullable=any(row[place] is None for row in rows),
            )
            for place, name in enumerate(names)
        )
    except (msgspec.MsgspecError, *_ODD):
        return ()


_ODD: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError)


def _kind_of(types: set[type]) -> ColumnKind:
    if types == {bool}:
        return "boolean"
    if types == {int}:
        return "integer"
    if types and types <= {int, float}:
        return "number"
    if types == {str}:
        return "text"
    raise ValueError("no kind of a column")


def _words(blobs: Blobs, files: Sequence[ForeignFile], name: str) -> bytes:
    for file in files:
        if file.path == name and file.size <= _LARGEST_WORDS:
            return blobs.get(file.digest)
    return b""
