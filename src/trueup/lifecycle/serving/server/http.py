"""The little HTTP that the prediction path needs: headers, bodies, replies, ASGI types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from trueup.foundation.errors import TrueupError, UsageError
from trueup.people.tokens.entrance import CHALLENGES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_NO_STORE = (b"cache-control", b"no-store")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_REMEMBERED_HOSTS = 64

# Statuses that say more than the class of the error does.
_STATUS: Final = {
    "body-too-large": 413,
    "request-too-large": 413,
    "body-not-json": 415,
    "host-refused": 421,
    "method-not-allowed": 405,
    "queue-full": 429,
    "sign-in-needed": 401,
    "sign-in-limited": 429,
}
_RETRY_AFTER: Final = {"queue-full": b"1", "model-not-ready": b"1"}
_KNOWN: Final = frozenset(
    {
        *(b"host", b"content-type", b"content-length"),
        *(b"content-encoding", b"idempotency-key"),
    }
)


class Headers(NamedTuple):
    """The request headers that matter here."""

    host: bytes
    content_type: bytes
    content_length: bytes
    content_encoding: bytes
    idempotency_key: bytes


class Reply(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    header: tuple[bytes, bytes] = _JSON
    more: tuple[tuple[bytes, bytes], ...] = ()


def headers_of(scope: Scope) -> Headers:
    """The request headers that matter here, empty where absent."""
    found = {name: value for name, value in scope["headers"] if name in _KNOWN}
    get = found.get
    return Headers(
        get(b"host", b""),
        get(b"content-type", b""),
        get(b"content-length", b""),
        get(b"content-encoding", b""),
        get(b"idempotency-key", b""),
    )


class Hosts:
    """The names by which this server may be called.

    A page of a stranger can make a browser resolve the stranger's name to this machine; the Host
    header then still carries the stranger's name.

    Args:
        names: Host names besides those of the loopback interface, without ports.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {name.lower() for name in (*_LOOPBACK, *names)}
        self._seen: set[bytes] = set()

    def check(self, host: bytes) -> None:
        """Refuse a request to any other name.

        Raises:
            UsageError: The Host header is missing or names another host.
        """
        if host in self._seen:
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


async def read_json(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body of a JSON request.

    Raises:
        UsageError: It is not declared as JSON, is compressed, too large, or incomplete.
    """
    kind = headers.content_type
    if kind != b"application/json" and not _is_json(kind):
        raise UsageError(
            "body-not-json",
            "The body must have the content type application/json.",
            hint="curl -H 'Content-Type: application/json' …",
        )
    if headers.content_encoding not in (b"", b"identity"):
        raise UsageError("body-not-json", "A compressed body is not accepted.")
    length = headers.content_length
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        _check_complete(message)
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        _check_complete(message)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def status_of(error: TrueupError) -> int:
    """The HTTP status of an error."""
    return _STATUS.get(error.code, error.http_status)


def refusal(error: TrueupError) -> Reply:
    """The reply that tells of an error, in the form of the Open Inference Protocol."""
    more: tuple[tuple[bytes, bytes], ...] = ()
    if wait := _RETRY_AFTER.get(error.code):
        more = ((b"retry-after", wait),)
    if error.code == "sign-in-needed":
        more = tuple((b"www-authenticate", each) for each in CHALLENGES)
    if error.code == "body-too-large":
        more = ((b"connection", b"close"),)  # do not read on what nobody wants
    body = {"error": error.message, "code": error.code}
    if error.hint:
        body["hint"] = error.hint
    return Reply(status_of(error), msgspec.json.encode(body), _JSON, more)


async def answer(send: Send, reply: Reply) -> None:
    """Send a reply."""
    length = (b"content-length", b"%d" % len(reply.body))
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [reply.header, length, _NO_STORE, *reply.more],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})


def _is_json(content_type: bytes) -> bool:
    name, _, parameter = content_type.lower().partition(b";")
    charset = parameter.strip().replace(b'"', b"")
    return name.strip() == b"application/json" and charset in (b"", b"charset=utf-8")


def _check_complete(message: MutableMapping[str, Any]) -> None:
    if message["type"] == "http.disconnect":
        raise UsageError("body-incomplete", "The connection closed before the body was complete.")


def _too_large(limit: int) -> UsageError:
    return UsageError(
        "body-too-large",
        f"The body is larger than {limit} bytes.",
        hint="send the rows in several requests",
    )
