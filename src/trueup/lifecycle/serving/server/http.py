"""The little HTTP that the prediction path needs: requests, replies, what errors look like.

`connection.py` and `asgi.py` make requests out of what comes over the wire.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec

from trueup.foundation.errors import TrueupError, UsageError
from trueup.people.tokens.entrance import CHALLENGES

Headers = Mapping[bytes, bytes]

_JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_REMEMBERED_HOSTS = 64

# Statuses that say more than the class of the error does.
_STATUS: Final = {
    "body-too-large": 413,
    "request-too-large": 413,
    "body-encoding": 415,
    "body-kind": 415,
    "body-not-json": 415,
    "head-too-large": 431,
    "host-refused": 421,
    "method-not-allowed": 405,
    "queue-full": 429,
    "rate-limited": 429,
    "request-late": 504,
    "request-timeout": 408,
    "sign-in-needed": 401,
    "sign-in-limited": 429,
}
_RETRY_AFTER: Final = {"queue-full": 1, "model-not-ready": 1, "key-owner-away": 1}
ANY_HOST: Final = "*"


class Request(Protocol):
    """One request, whoever took it off the wire.

    Attributes:
        method: HTTP method.
        path: Decoded path, without the query.
        query: What stands behind the `?`.
        peer: Address that it came from; empty when there is none.
    """

    method: str
    path: str
    query: bytes
    peer: str

    @property
    def headers(self) -> Headers:
        """By name in lower case; values of a name that came twice are joined with commas."""
        ...

    async def body(self, limit: int) -> bytes:
        """All of the body.

        Raises:
            UsageError: It is larger than `limit`, or the connection closed before its end.
        """
        ...


class Reply(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    header: tuple[bytes, bytes] = _JSON
    more: tuple[tuple[bytes, bytes], ...] = ()


class Hosts:
    """The names by which this server may be called.

    A page of a stranger can make a browser resolve the stranger's name to this machine; the Host
    header then still carries the stranger's name.

    Args:
        names: Host names besides those of the loopback interface, without ports; `*` for any,
            where a caller has to prove anyway who they are.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {name.lower() for name in (*_LOOPBACK, *names)}
        self._seen: set[bytes] = set()

    def check(self, host: bytes) -> None:
        """Refuse a request to any other name.

        Raises:
            UsageError: The Host header is missing or names another host.
        """
        if host in self._seen or ANY_HOST in self._names:
            return
        name, _, port = host.decode("latin-1").lower().rpartition(":")
        if not port.isdecimal():
            name = host.decode("latin-1").lower()
        if name not in self._names:
            raise UsageError(
                "host-refused",
                "The Host header of the request is not a name of this server.",
                hint="call it by a loopback name, or add the name to the server's hosts",
            )
        if len(self._seen) < _REMEMBERED_HOSTS:
            self._seen.add(host)


async def read_json(request: Request, limit: int) -> bytes:
    """The body of a JSON request that is not compressed; `bodies.read` takes the others.

    Raises:
        UsageError: It is not declared as JSON, too large, or incomplete.
    """
    kind = request.headers.get(b"content-type", b"")
    if kind != b"application/json" and not _is_json(kind):
        raise UsageError(
            "body-not-json",
            "The body must have the content type application/json.",
            hint="curl -H 'Content-Type: application/json' …",
        )
    return await request.body(limit)


def too_large(limit: int) -> UsageError:
    """The error for a body that is larger than anybody wants to read."""
    return UsageError(
        "body-too-large",
        f"The body is larger than {limit} bytes.",
        hint="send the rows in several requests",
    )


def incomplete() -> UsageError:
    """The error for a body whose sender is gone."""
    return UsageError("body-incomplete", "The connection closed before the body was complete.")


def status_of(error: TrueupError) -> int:
    """The HTTP status of an error."""
    return _STATUS.get(error.code, error.http_status)


def refusal(error: TrueupError) -> Reply:
    """The reply that tells of an error, in the form of the Open Inference Protocol."""
    more: tuple[tuple[bytes, bytes], ...] = ()
    wait = error.context.get("retry_after_s", _RETRY_AFTER.get(error.code))
    if wait is not None:
        more = ((b"retry-after", b"%d" % math.ceil(wait)),)
    if error.code == "sign-in-needed":
        more = tuple((b"www-authenticate", each) for each in CHALLENGES)
    if error.code == "body-too-large":
        more = ((b"connection", b"close"),)  # do not read on what nobody wants
    body = {"error": error.message, "code": error.code}
    if error.hint:
        body["hint"] = error.hint
    return Reply(status_of(error), msgspec.json.encode(body), _JSON, more)


def _is_json(content_type: bytes) -> bool:
    name, _, parameter = content_type.lower().partition(b";")
    charset = parameter.strip().replace(b'"', b"")
    return name.strip() == b"application/json" and charset in (b"", b"charset=utf-8")
