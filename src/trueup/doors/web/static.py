"""The files that pages need beside themselves: read once, addressed by content, cached for ever."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Final

from litestar import Response, get

from trueup.doors.api.access import needs
from trueup.doors.api.routes import Name
from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError

# The whole list: a request can name nothing else.
_KINDS: Final = {
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript; charset=utf-8",
}


@cache
def _bytes(name: Name) -> bytes:
    return resources.files("trueup.doors.web").joinpath("assets", name).read_bytes()


def url(name: str) -> str:
    """The address of a file, which changes with its content."""
    return f"/static/{name}?v={digests.of_bytes(_bytes(name))[3:11]}"


@get("/static/{name:str}", opt=needs("public"), sync_to_thread=False, include_in_schema=False)
def file(name: Name) -> Response[Any]:
    """One of the files."""
    if name not in _KINDS:
        raise NotFoundError("page-not-found", f"There is no file /static/{name}.", hint="trueup up")
    return Response(
        _bytes(name),
        media_type=_KINDS[name],
        headers={"cache-control": "public, max-age=31536000, immutable"},
    )
