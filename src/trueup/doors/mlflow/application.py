"""The door as one ASGI callable: finds the endpoint, who asks, and answers in MLflow's shapes.

Nothing of a request is used before `authorise` has allowed it, except for public endpoints.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from trueup.app.wiring import Workspace
from trueup.doors.mlflow.answers import JSON, TEXT, Reply, Stream
from trueup.doors.mlflow.asking import Call
from trueup.doors.mlflow.failures import Refusal, refusal_of
from trueup.doors.mlflow.routes import ENDPOINTS, Endpoint
from trueup.doors.web.doorkeeper import LOOPBACK, check_host, check_site
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.permissions import Permission
from trueup.people.tokens.entrance import CHALLENGES, Entrance

Scope = MutableMapping[str, Any]
Authorise = Callable[[Mapping[str, str], Permission, str], Awaitable[Actor]]

_ALLOWED_S: Final = 1.0
BODY_BYTES: Final = 64 << 20
_VERSION = re.compile(r"(\d+)\.(\d+)")
_NOBODY: Final = Actor(name="nobody", kind="service")


class Door:
    """MLflow's REST interface over one project.

    Args:
        workspace: The project.
        authorise: Given the request's headers, a permission and the address it comes from: who
            asks. Raises `DeniedError`.
    """

    def __init__(self, workspace: Workspace, authorise: Authorise) -> None:
        self._workspace = workspace
        self._authorise = authorise
        self._exact: dict[tuple[str, str], Endpoint] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Endpoint]] = []
        for endpoint in ENDPOINTS:
            for prefix in endpoint.prefixes:
                if "{" in endpoint.path:
                    pattern = _pattern(prefix + endpoint.path)
                    self._patterns.append((endpoint.method, pattern, endpoint))
                else:
                    self._exact[endpoint.method, prefix + endpoint.path] = endpoint

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        try:
            reply: Reply | Stream = await self._reply(scope, receive)
        except Refusal as refusal:
            reply = _refused(refusal)
        except TrueupError as error:
            reply = _refused(refusal_of(error))
        except Exception as error:
            words = f"The server failed with {type(error).__name__}; nothing was written."
            reply = _refused(Refusal("INTERNAL_ERROR", words))
        if isinstance(reply, Stream):
            await _pour(reply, send)
            return
        await send(_start(reply, len(reply.body)))
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Scope, receive: Any) -> Reply | Stream:
        endpoint, path = self._find(scope["method"], scope["path"])
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if scope["method"] != "GET":
            check_site(headers)  # a form of another site could send a file or a trace
        actor = _NOBODY
        if endpoint.permission != "public":
            peer = (scope.get("client") or ("",))[0]
            actor = await self._authorise(headers, endpoint.permission, peer)
        if endpoint.streams or scope["method"] == "GET":
            given = _query(scope.get("query_string", b""))
        else:
            given = _object(headers, await _body(receive), endpoint.usual)
        call = Call(self._workspace, actor, path, given, headers, _client(headers))
        if endpoint.streams:
            answer = await endpoint.handler(call, _pieces(receive))
        elif iscoroutinefunction(endpoint.handler):
            answer = await endpoint.handler(call)
        else:
            answer = await asyncio.to_thread(endpoint.handler, call)
        if isinstance(answer, Reply | Stream):
            return answer
        if isinstance(answer, str):
            return Reply(200, answer.encode(), (TEXT,))
        return Reply(200, msgspec.json.encode(answer))

    def _find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
        endpoint = self._exact.get((method, path))
        if endpoint is not None:
            return endpoint, {}
        for its_method, pattern, endpoint in self._patterns:
            if its_method == method and (match := pattern.fullmatch(path)):
                return endpoint, match.groupdict()
        raise Refusal("ENDPOINT_NOT_FOUND", f"No endpoint {method} {path[:200]}.")


def guarded(
    workspace: Workspace, hosts: Iterable[str] = (), entrance: Entrance | None = None
) -> Door:
    """The door with its guard.

    Args:
        workspace: The project.
        hosts: Host names it answers to, besides those of this machine.
        entrance: Knows who sends a request; in local mode if left out.
    """
    known = entrance or workspace.entrance()
    allowed: dict[tuple[str, Permission], float] = {}

    async def authorise(headers: Mapping[str, str], permission: Permission, peer: str) -> Actor:
        check_host(headers.get("host", ""), names)
        actor = await known.enter(headers.get("authorization", ""), peer)
        # This is the outer of two locks: the verb asks again, in its own transaction. So here an
        # answer may be a second old, which halves what a logged point costs.
        now = time.monotonic()
        if allowed.get((actor.name, permission), 0.0) < now:
            with workspace.state.read(actor, permission):  # entering asked the guard of people
                allowed[actor.name, permission] = now + _ALLOWED_S
        return actor

    _ = workspace.plain_files  # a folder that cannot be used is told before anything is open
    names = LOOPBACK | {name.lower() for name in hosts}
    return Door(workspace, authorise)


def is_ours(path: str) -> bool:
    """Whether a path belongs to this door."""
    return path.startswith(_BELOW) or path in _AT_ROOT


_BELOW: Final = ("/api/2.0/", "/api/3.0/", "/ajax-api/2.0/", "/ajax-api/3.0/")
_AT_ROOT: Final = frozenset(
    endpoint.path for endpoint in ENDPOINTS if "" in endpoint.prefixes and "{" not in endpoint.path
)


def _pattern(path: str) -> re.Pattern[str]:
    named = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.*)", re.escape(path))
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", named), re.DOTALL)


def _query(raw: bytes) -> dict[str, Any]:
    pairs = parse_qs(raw.decode("latin-1"), keep_blank_values=True)
    return {key: values[0] if len(values) == 1 else values for key, values in pairs.items()}


def _start(reply: Reply | Stream, size: int) -> dict[str, Any]:
    headers = [*reply.headers, (b"content-length", b"%d" % size)]
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


async def _pour(stream: Stream, send: Any) -> None:
    # The first piece before the first word: what is wrong with a file is told, not cut off.
    piece = await asyncio.to_thread(next, stream.pieces, None)
    await send(_start(stream, stream.size))
    while piece is not None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        piece = await asyncio.to_thread(next, stream.pieces, None)
    await send({"type": "http.response.body", "body": b""})


async def _pieces(receive: Any) -> AsyncIterator[bytes]:
    """The body as it comes."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("BAD_REQUEST", "The connection closed before the body was complete.")
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _body(receive: Any) -> bytes:
    parts = []
    size = 0
    async for piece in _pieces(receive):
        parts.append(piece)
        size += len(piece)
        if size > BODY_BYTES:
            raise Refusal("BAD_REQUEST", f"The body is larger than {BODY_BYTES} bytes.", 413)
    return b"".join(parts)


def _object(
    headers: Mapping[str, str], raw: bytes, usual: msgspec.json.Decoder[dict[str, Any]] | None
) -> dict[str, Any]:
    if not raw:
        return {}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            "BAD_REQUEST", "Bad Request. Content-Type must be one of ['application/json']."
        )
    if usual is not None:
        with suppress(msgspec.DecodeError, RecursionError, ValueError):
            return usual.decode(raw)
    try:
        found = msgspec.json.decode(raw)
        if isinstance(found, str):  # old clients encode twice
            found = msgspec.json.decode(found)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Refusal("BAD_REQUEST", f"The body is no JSON: {str(error)[:200]}.") from error
    if not isinstance(found, dict):
        raise Refusal("BAD_REQUEST", "The body must be a JSON object.")
    return found


def _client(headers: Mapping[str, str]) -> tuple[int, int]:
    said = headers.get("x-mlflow-client-version") or headers.get("user-agent", "")
    match = _VERSION.search(said) if said.startswith(("mlflow", *"0123456789")) else None
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _refused(refusal: Refusal) -> Reply:
    body = {"error_code": refusal.name, "message": refusal.message}
    headers = (JSON, *refusal.headers)
    if refusal.status == 401:
        headers += tuple((b"www-authenticate", each) for each in CHALLENGES)
    return Reply(refusal.status, msgspec.json.encode(body), headers)


def endpoints() -> Iterable[Endpoint]:
    """All endpoints; tests walk them."""
    return ENDPOINTS
