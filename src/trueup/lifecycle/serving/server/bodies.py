"""Bodies as they come and go: content types, and compression with a limit to what unfolds."""

from __future__ import annotations

import zlib
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.lifecycle.serving.server.http import Reply, Request, too_large

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_GZIP: Final = 16 + zlib.MAX_WBITS
_WORTH_IT: Final = 4096  # smaller replies take longer to compress than to send
_LEVEL: Final = 1
UNSAID: Final = "none"


async def read(request: Request, limit: int, *kinds: str) -> bytes:
    """The body of a request of one of these content types, unfolded.

    Raises:
        UsageError: It is of another type, compressed in another way, too large or incomplete.
    """
    said = request.headers.get(b"content-type")
    if said != b"application/json" and kind_of(request) not in kinds:
        raise UsageError(
            "body-kind" if "text/csv" in kinds else "body-not-json",
            f"The body must have the content type {' or '.join(kinds)}.",
            hint=f"curl -H 'Content-Type: {kinds[0]}' …",
        )
    body = await request.body(limit)
    return unfolded(body, request.headers.get(b"content-encoding", b""), limit)


def kind_of(request: Request) -> str:
    """The content type without parameters; empty where it says another charset than UTF-8.

    `UNSAID` where there is none, as Triton's client has it. A page of a stranger can make a browser
    send that without asking, but the browser then tells the page's origin.
    """
    if b"content-type" not in request.headers and b"origin" not in request.headers:
        return UNSAID
    name, _, parameter = request.headers.get(b"content-type", b"").lower().partition(b";")
    charset = parameter.strip().replace(b'"', b"")
    return name.strip().decode("latin-1") if charset in (b"", b"charset=utf-8") else ""


def unfolded(body: bytes, encoding: bytes, limit: int) -> bytes:
    """A body as it was before it was compressed.

    Raises:
        UsageError: It was not compressed that way, or unfolds to more than `limit` bytes.
    """
    way = encoding.strip().lower()
    if way in (b"", b"identity"):
        return body
    if way not in (b"gzip", b"deflate"):
        raise UsageError(
            "body-encoding",
            "The body is compressed in a way that is not taken here; gzip and deflate are.",
            hint="curl -H 'Content-Encoding: gzip' --data-binary @body.json.gz …",
        )
    unfolding = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = unfolding.decompress(body, limit + 1)
    except zlib.error:
        raise _broken() from None
    if len(found) > limit or unfolding.unconsumed_tail:
        raise too_large(limit)
    if not unfolding.eof or unfolding.unused_data:
        raise _broken()
    return found


def folded(reply: Reply, request: Request) -> Reply:
    """The reply, compressed where the caller takes that and it is long enough."""
    if len(reply.body) < _WORTH_IT:
        return reply
    accepted = request.headers.get(b"accept-encoding", b"").lower()
    for way, window in ((b"gzip", _GZIP), (b"deflate", zlib.MAX_WBITS)):
        if way in accepted:
            folding = zlib.compressobj(_LEVEL, wbits=window)
            body = folding.compress(reply.body) + folding.flush()
            return reply._replace(body=body, more=(*reply.more, (b"content-encoding", way)))
    return reply


def _broken() -> UsageError:
    return UsageError(
        "body-encoding",
        "The body is not compressed as its Content-Encoding says, or is cut short.",
        hint="curl -H 'Content-Encoding: gzip' --data-binary @body.json.gz …",
    )
