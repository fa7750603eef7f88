"""The routes of the Open Inference Protocol, version 2, over HTTP."""

from __future__ import annotations

from typing import Final

import msgspec

from trueup import __version__
from trueup.foundation.errors import ConflictError, NotFoundError, UsageError
from trueup.lifecycle.serving.inference.endpoint import Serving, not_serving
from trueup.lifecycle.serving.protocol import binary, replies
from trueup.lifecycle.serving.protocol.intake import Asked, invalid
from trueup.lifecycle.serving.server import bodies
from trueup.lifecycle.serving.server.http import Reply
from trueup.lifecycle.serving.server.routing import Call, Home, Route

_HEAD: Final = b"inference-header-content-length"
_BYTES: Final = (b"content-type", b"application/octet-stream")
_EXTENSIONS: Final = ("binary_tensor_data", "model_repository")
_SERVER: Final = msgspec.json.encode(
    {"name": "trueup", "version": __version__, "extensions": _EXTENSIONS}
)
_KINDS: Final = ("application/json", "application/octet-stream", bodies.UNSAID)
_ALL_AS_BYTES: Final = frozenset({"score"})


class OpenProtocol:
    """What clients of Triton, KServe and others ask.

    Args:
        home: The server.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        of_model = (
            ("GET", "", "read", self._describe_model),
            ("GET", "/ready", "public", self._model_ready),
            ("POST", "/infer", "predictions.create", self._infer),
        )
        self.routes: tuple[Route, ...] = (
            Route("GET", "/v2", "read", self._describe_server),
            Route("GET", "/v2/", "read", self._describe_server),
            Route("GET", "/v2/health/live", "public", self._live),
            Route("GET", "/v2/health/ready", "public", self._ready),
            Route("POST", "/v2/repository/index", "read", self._index),
            Route("POST", "/v2/repository/models/{model}/load", "read", self._load),
            Route("POST", "/v2/repository/models/{model}/unload", "read", self._unload),
            *(
                Route(method, f"/v2/models/{{model}}{versions}{path}", permission, handler)  # type: ignore[arg-type]
                for method, path, permission, handler in of_model
                for versions in ("", "/versions/{version}")
            ),
        )

    async def _describe_server(self, _call: Call) -> Reply:
        return Reply(200, _SERVER)

    async def _live(self, _call: Call) -> Reply:
        return Reply(200, b'{"live":true}')

    async def _ready(self, _call: Call) -> Reply:
        ready = self._home.is_ready()
        word = b"true" if ready else b"false"
        return Reply(200 if ready else 503, b'{"live":true,"ready":%b}' % word)

    async def _describe_model(self, call: Call) -> Reply:
        serving = self._home.endpoint(call.model).serving
        if serving is None:
            raise not_serving(call.model)
        if call.version:
            arm_of(serving, call)
        return Reply(200, serving.metadata)

    async def _model_ready(self, call: Call) -> Reply:
        serving = self._home.endpoint(call.model).serving
        ready = serving is not None and not serving.route.stopped and not self._home.draining
        if ready and call.version:
            assert serving is not None
            arm_of(serving, call)
        status = 200 if ready else 503
        return Reply(status, msgspec.json.encode({"name": call.model, "ready": ready}))

    async def _index(self, _call: Call) -> Reply:
        found = [
            {"name": name, "version": version, "state": "READY", "reason": ""}
            for name, endpoint in self._home.endpoints.items()
            if endpoint.serving is not None
            for version in endpoint.serving.places
        ]
        found += [
            {"name": name, "state": "UNAVAILABLE", "reason": "nothing is released there"}
            for name, endpoint in self._home.endpoints.items()
            if endpoint.serving is None
        ]
        return Reply(200, msgspec.json.encode(found))

    async def _load(self, call: Call) -> Reply:
        """What is released is loaded by itself; asking for it changes nothing."""
        if self._home.endpoint(call.model).serving is None:
            raise not_serving(call.model)
        return Reply(200, b"{}")

    async def _unload(self, call: Call) -> Reply:
        self._home.endpoint(call.model)
        raise ConflictError(
            "unload-refused",
            f"Deployment '{call.model}' serves what is released to it; clients of the server do "
            "not change that.",
            hint=f"trueup deployment show {call.model}",
        )

    async def _infer(self, call: Call) -> Reply:
        endpoint = self._home.endpoint(call.model)
        headers = call.request.headers
        limit = self._home.limiter.body_bytes(call.model)
        length = headers.get(_HEAD)
        if length is None:
            body = await bodies.read(call.request, limit, *_KINDS)
        else:
            encoding = headers.get(b"content-encoding", b"")
            body = bodies.unfolded(await call.request.body(limit), encoding, limit)
        serving = endpoint.admit()
        as_bytes: frozenset[str] | None = frozenset()
        if length is not None:
            asked, as_bytes = _of_bytes(serving, body, length)
        elif b"binary_data" in body:
            asked, as_bytes = binary.read(serving.intake, body, b"")
        else:
            asked = serving.reader.read(body)
        answered = await self._home.infer(call, endpoint, serving, asked, body)
        sent = replies.reply(answered, asked.id, asked.outputs, as_bytes)
        reply = Reply(200, sent.body)
        if sent.head < len(sent.body):
            reply = Reply(200, sent.body, _BYTES, ((_HEAD, b"%d" % sent.head),))
        return bodies.folded(reply, call.request)


def _of_bytes(serving: Serving, body: bytes, length: bytes) -> tuple[Asked, frozenset[str] | None]:
    if not length.isdigit() or int(length) > len(body):
        raise invalid("'Inference-Header-Content-Length' is no length within the body")
    head = int(length)
    if not head:
        return binary.read_raw(serving.intake, body), _ALL_AS_BYTES
    return binary.read(serving.intake, body[:head], body[head:])


def arm_of(serving: Serving, call: Call) -> int:
    """The arm that a request names by its model version.

    Raises:
        NotFoundError: No arm serves that version.
    """
    place = serving.places.get(call.version)
    if place is not None:
        return place
    raise NotFoundError(
        "version-not-served",
        f"Deployment '{call.model}' does not serve version {call.version[:20]}; it serves "
        f"{', '.join(serving.places)}.",
        hint=f"trueup deployment show {call.model}",
    )


def checked_key(raw: bytes) -> str:
    """The Idempotency-Key of a request.

    Raises:
        UsageError: It is too long, or no ASCII.
    """
    if len(raw) > _KEY_LENGTH or not raw.isascii():
        raise UsageError(
            "idempotency-key-malformed",
            f"The Idempotency-Key may hold {_KEY_LENGTH} ASCII characters at most.",
        )
    return raw.decode("ascii")


_KEY_LENGTH: Final = 255
