"""Endpoints of files: taken in as a stream, given out piece by piece, in constant memory."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import sys
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

from trueup.doors.mlflow import layouts, wire
from trueup.doors.mlflow.answers import Header, Stream
from trueup.doors.mlflow.asking import Call
from trueup.doors.mlflow.failures import Refusal
from trueup.doors.mlflow.runs import run_id
from trueup.lifecycle.runs.tracking.files.table import Listed

PROXIED: Final = "mlflow-artifacts:"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# Shown as they are; whatever a browser could run is only ever saved.
_PLAIN: Final = frozenset({".txt", ".log", ".json", ".yaml", ".yml", ".csv", ".md", ".py", ".toml"})


async def put(call: Call, body: AsyncIterator[bytes]) -> dict[str, Any]:
    """Take a file in and keep it under its path."""
    await _receive(call, call.path["path"], body)
    return {}


async def upload(call: Call, body: AsyncIterator[bytes]) -> dict[str, Any]:
    """Take a file in for a run, as MLflow's pages send it."""
    root = call.workspace.tracking.show(call.actor, run_id(call)).artifacts
    await _receive(call, joined(_proxied(root), call.filled("path")), body)
    return {}


def get(call: Call) -> Stream:
    """One file."""
    path = call.path["path"]
    return _stream(call, path, _content(call, path))


def list_(call: Call) -> dict[str, Any]:
    """What lies in a folder; a file's own path lists nothing."""
    path = call.path.get("path") or call.text("path", default="")
    found = _folder(call, path)
    return wire.listed("files", (_shown(each, each.name) for each in found))


def delete(call: Call) -> dict[str, Any]:
    """Delete a file, or a folder with all in it."""
    layouts.check_writable(call.path["path"])
    call.workspace.files.delete(call.actor, call.path["path"])
    return {}


def list_of_run(call: Call) -> dict[str, Any]:
    """What lies in a folder of a run."""
    root = call.workspace.tracking.show(call.actor, run_id(call)).artifacts
    return listing(call, root, call.text("path", default=""))


def get_of_run(call: Call) -> Stream:
    """One file of a run."""
    root = call.workspace.tracking.show(call.actor, run_id(call)).artifacts
    return reading(call, root, call.filled("path"))


def listing(call: Call, root: str, path: str) -> dict[str, Any]:
    """What lies in a folder below a URI, with paths relative to the URI.

    Raises:
        Refusal: The server cannot reach what lies at the URI.
    """
    plain = call.workspace.plain_files
    below = plain.path_of(root) if plain is not None else None
    if plain is not None and below is not None:
        found = plain.folder(joined(below, path))
    else:
        found = _folder(call, joined(_proxied(root), path))
    files = (_shown(each, joined(path, each.name)) for each in found)
    return {"root_uri": root, **wire.listed("files", files)}


def reading(call: Call, root: str, path: str) -> Stream:
    """One file below a URI.

    Raises:
        Refusal: The server cannot reach what lies at the URI.
    """
    plain = call.workspace.plain_files
    below = plain.path_of(root) if plain is not None else None
    if plain is not None and below is not None:
        place = joined(below, path)
        return _ranged(call, path, plain.size(place), "", lambda *at: plain.pieces(place, *at))
    return _stream(call, path, _content(call, joined(_proxied(root), path)))


async def _receive(call: Call, path: str, body: AsyncIterator[bytes]) -> None:
    """Write a body as it comes; nothing is kept unless all of it came."""
    layouts.check_writable(path)
    receiving = call.workspace.files.receiving(call.actor, path)
    file = await asyncio.to_thread(receiving.__enter__)
    try:
        async for piece in body:
            await asyncio.to_thread(file.write, piece)
    except BaseException:
        await asyncio.to_thread(receiving.__exit__, *sys.exc_info())
        raise
    await asyncio.to_thread(receiving.__exit__, None, None, None)


def _folder(call: Call, path: str) -> list[Listed]:
    if layouts.is_ours(path):
        return layouts.folder(call, path)
    return call.workspace.files.folder(call.actor, path)


def _content(call: Call, path: str) -> Any:
    if layouts.is_ours(path):
        return layouts.content(call, path)
    return call.workspace.files.content(call.actor, path)


def _stream(call: Call, path: str, content: Any) -> Stream:
    return _ranged(call, path, content.size, content.digest, content.pieces)


def _ranged(call: Call, path: str, size: int, digest: str, pieces: Any) -> Stream:
    """A file, or the part of it that the request's Range names."""
    headers = _headers(path, digest)
    match = _RANGE.fullmatch(call.headers.get("range", ""))
    if match is None or not (match[1] or match[2]):
        return Stream(200, size, pieces(0, size), headers)
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]), size - 1) if match[2] else size - 1
    else:
        start, end = max(size - int(match[2]), 0), size - 1
    if start >= size:
        message = f"The file has {size} bytes; the range begins after it."
        has = (b"content-range", f"bytes */{size}".encode())
        raise Refusal("BAD_REQUEST", message, 416, (has,))
    if start > end:  # no range at all
        return Stream(200, size, pieces(0, size), headers)
    said = (b"content-range", f"bytes {start}-{end}/{size}".encode())
    length = end - start + 1
    return Stream(206, length, pieces(start, length), (*headers, said))


def _headers(path: str, digest: str) -> tuple[Header, ...]:
    name = path.rpartition("/")[2]
    suffix = f".{name.rpartition('.')[2].lower()}"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/plain; charset=utf-8" if suffix in _PLAIN or name == "MLmodel" else kind
    headers = [
        (b"content-type", kind.encode()),
        (b"content-disposition", f"attachment; filename*=UTF-8''{quote(name)}".encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"accept-ranges", b"bytes"),
    ]
    if digest:
        headers.append((b"etag", f'"{digest}"'.encode()))
    return tuple(headers)


def _shown(found: Listed, path: str) -> dict[str, Any]:
    if found.is_folder:
        return {"path": path, "is_dir": True}
    return {"path": path, "is_dir": False, "file_size": found.size}


def _proxied(uri: str) -> str:
    """The path of a URI that this server keeps files for."""
    if not uri.startswith(PROXIED):
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            f"The files are at {uri[:200]}, which this server does not read; clients do.",
        )
    return urlsplit(uri).path.strip("/")


def joined(*parts: str) -> str:
    """Parts of a path as one; empty ones are left out."""
    return "/".join(part for part in parts if part)
