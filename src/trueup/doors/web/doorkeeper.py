"""The outermost layer of the server: which requests come in, and the headers that go out.

It wraps the whole application, so that even a page that does not exist is protected. It knows no
person: who may do what is decided in `doors/api/access.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from trueup.foundation.errors import DeniedError, TrueupError, UsageError

# ASGI by its own words: Litestar's types tell sockets and requests apart by enums, not by strings.
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
        "connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Doorkeeper:
    """An ASGI application that protects another one.

    Args:
        app: The application inside.
        hosts: Host names it answers to, besides those of this machine.
    """

    def __init__(self, app: App, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "not offered"})
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            check_host(headers.get("host", ""), self._hosts)
            check_origin(scope["method"], headers)
        except TrueupError as refusal:
            await _refuse(refusal, send)
            return
        await self.app(scope, receive, _with_headers(send))


def check_host(host: str, allowed: Iterable[str]) -> None:
    """Refuse a name that is not ours: a foreign page could have pointed its name at this machine.

    Raises:
        DeniedError: The name is not on the list.
    """
    name = _host_name(host)
    if name not in allowed:
        raise DeniedError(
            "host-refused",
            f"This server does not answer to the host name '{name[:100]}'.",
            hint=f"trueup up --host-name {name[:100]}" if name else "send a Host header",
        )


def check_origin(method: str, headers: Mapping[str, str]) -> None:
    """Refuse a change that another site's page asks a browser to make.

    Raises:
        DeniedError: The request comes from another site.
        UsageError: Its body is not declared as JSON, so a plain form could have sent it.
    """
    if method in _SAFE:
        return
    check_site(headers)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UsageError(
            "content-type-not-json",
            f"The body is declared as '{kind[:100]}'; a change must be sent as application/json.",
            hint="curl --json '{}' URL",
        )


def check_site(headers: Mapping[str, str]) -> None:
    """Refuse what a browser sends for a page of another site; programs say nothing of a site.

    Raises:
        DeniedError: The request comes from another site.
    """
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    if site not in ("same-origin", "none") or foreign:
        raise DeniedError(
            "origin-refused",
            f"A page of '{(origin or site)[:100]}' asked for this change; "
            "only pages of this server may.",
            hint="trueup explain origin-refused",
        )


def _host_name(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and ":" in host else host


def _with_headers(send: Send) -> Send:
    extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *extra]
        await send(message)

    return sending


async def _refuse(refusal: TrueupError, send: Send) -> None:
    body = msgspec.json.encode(refusal.as_problem())
    start: Any = {
        "type": "http.response.start",
        "status": refusal.http_status,
        "headers": [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})
