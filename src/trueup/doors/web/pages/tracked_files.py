"""Files of tracked runs: listed, and shown where that is safe. Nothing in a file is ever run.

Text is shown as text, whatever it says; a picture only if its first bytes are those of one.
"""

from __future__ import annotations

import csv
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response
from litestar.params import QueryParameter
from markupsafe import Markup

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.files.content import Content
from trueup.lifecycle.runs.tracking.files.service import no_file
from trueup.lifecycle.runs.tracking.records import TrackedRun
from trueup.rendering import markdown

Path = Annotated[str, QueryParameter(max_length=4000)]
Kind = Literal["text", "table", "words", "picture", "bytes"]

_LISTED: Final = 200
_TEXT: Final = 256 << 10
_PICTURE: Final = 20 << 20
_ROWS: Final = 200
_CELL: Final = 200
_PRINTED: Final = 16 << 10
_ROOT: Final = "mlflow-artifacts:"
_OUTPUT: Final = "output.txt"
_PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


class File(Record):
    """One file of a run."""

    path: str
    size: int


class FilePage(Record):
    """One file of a run.

    Attributes:
        run: The run.
        file: The file.
        kind: How it can be shown.
        text: Its beginning, for text.
        rows: Its first rows, for a table; the first of them are its headings.
        is_whole: Whether all of it is shown.
    """

    run: TrackedRun
    file: File
    kind: Kind
    text: str
    rows: tuple[tuple[str, ...], ...]
    is_whole: bool


@shell.page("/runs/{id_:str}/file")
def file(
    request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name, path: Path = ""
) -> Response[Any]:
    """One file of a run, as far as it can be shown."""
    run = workspace.tracking.show(actor, id_)
    content = _content(workspace, actor, run, path)
    page = _shown(run, path, content)
    html = markdown.to_html(page.text) if page.kind == "words" else ""
    more = {"html": Markup(html)}  # noqa: S704 - raw HTML in it stays text
    return shell.answer(request, "tracked_file.html", path, page, more=more)


@shell.page("/runs/{id_:str}/picture")
def picture(workspace: TheWorkspace, actor: TheActor, id_: Name, path: Path = "") -> Response[Any]:
    """A picture among the files of a run; its kind is what its bytes say, not its name."""
    run = workspace.tracking.show(actor, id_)
    content = _content(workspace, actor, run, path)
    kind = _picture(_beginning(content, 16))
    if not kind or content.size > _PICTURE:
        raise UsageError(
            "file-not-shown",
            f"'{path[:200]}' is no picture that can be shown.",
            hint=f"trueup runs show {run.ref}",
        )
    headers = {"cache-control": "private, max-age=3600"}
    return Response(b"".join(content.pieces()), media_type=kind, headers=headers)


def listed(workspace: Workspace, actor: Actor, run: TrackedRun) -> tuple[tuple[File, ...], int]:
    """The first files of a run by path, and how many others there are."""
    place = _place(run)
    if place is None:
        return (), 0
    below = workspace.files.below(actor, place)
    shown = tuple(File(path=path, size=found.size) for path, found in below[:_LISTED])
    return shown, len(below) - len(shown)


def printed(workspace: Workspace, actor: Actor, run: TrackedRun) -> str:
    """The end of what a run printed; empty when that was not kept."""
    try:
        content = _content(workspace, actor, run, _OUTPUT)
    except NotFoundError:
        return ""
    start = max(content.size - _PRINTED, 0)
    text = b"".join(content.pieces(start)).decode(errors="replace")
    return text.partition("\n")[2] if start else text


def _place(run: TrackedRun) -> str | None:
    """Where its files are kept here; None when its client keeps them elsewhere."""
    if not run.artifacts.startswith(_ROOT):
        return None
    return run.artifacts.removeprefix(_ROOT).strip("/")


def _content(workspace: Workspace, actor: Actor, run: TrackedRun, path: str) -> Content:
    place = _place(run)
    if place is None or not path:
        raise no_file(path)
    return workspace.files.content(actor, f"{place}/{path}")


def _shown(run: TrackedRun, path: str, content: Content) -> FilePage:
    raw = _beginning(content, _TEXT)
    kind, text, rows = _read(path, raw, content.size <= len(raw))
    return FilePage(
        run=run,
        file=File(path=path, size=content.size),
        kind=kind,
        text=text,
        rows=rows,
        is_whole=content.size <= len(raw) and len(rows) <= _ROWS,
    )


def _read(path: str, raw: bytes, is_whole: bool) -> tuple[Kind, str, tuple[tuple[str, ...], ...]]:
    if _picture(raw):
        return "picture", "", ()
    text = _text(raw, is_whole)
    if text is None:
        return "bytes", "", ()
    ending = path.rpartition(".")[2].lower()
    if ending in ("csv", "tsv"):
        return "table", "", _table(text, "\t" if ending == "tsv" else ",")
    if ending == "json" and is_whole:
        return "text", _indented(raw) or text, ()
    return "words" if ending == "md" and is_whole else "text", text, ()


def _text(raw: bytes, is_whole: bool) -> str | None:
    """The text that these bytes are, or None; a letter that is cut off at the end is left out."""
    if b"\0" in raw:
        return None
    for cut in (0,) if is_whole else (0, 1, 2, 3):
        try:
            return raw[: len(raw) - cut].decode()
        except UnicodeDecodeError:
            continue
    return None


def _table(text: str, delimiter: str) -> tuple[tuple[str, ...], ...]:
    try:
        lines = csv.reader(text.splitlines(), delimiter=delimiter)
        return tuple(tuple(cell[:_CELL] for cell in row) for row in islice(lines, _ROWS + 1))
    except csv.Error:
        return tuple((line[:_CELL],) for line in text.splitlines()[: _ROWS + 1])


def _indented(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _picture(raw: bytes) -> str:
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _PICTURES.items() if raw.startswith(magic)), "")


def _beginning(content: Content, most: int) -> bytes:
    return b"".join(content.pieces(0, min(most, content.size)))
