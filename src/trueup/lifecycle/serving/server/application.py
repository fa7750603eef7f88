"""The prediction server as one ASGI callable: a small table of routes, each with its permission.

What is not in the table does not exist, and nothing runs before `authorize` has allowed it. Read
`endpoint.py` for what happens to a request, `connection.py` and `process.py` for what is around it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from trueup.foundation import digests
from trueup.foundation.errors import InternalError, NotFoundError, TrueupError, UsageError
from trueup.foundation.permissions import PERMISSIONS, Permission
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.releases.records import Route as TrafficRoute
from trueup.lifecycle.serving import tracing
from trueup.lifecycle.serving.inference.endpoint import (
    QUEUE_ROWS,
    Endpoint,
    Loader,
    Serving,
    not_serving,
)
from trueup.lifecycle.serving.inference.idempotency import Keys, used_keys
from trueup.lifecycle.serving.inference.scoring import make_pool
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.metrics import Metrics, Snapshot, gauge, merged, render, series_of
from trueup.lifecycle.serving.protocol import replies
from trueup.lifecycle.serving.server import asgi, http
from trueup.lifecycle.serving.server.access import Access
from trueup.lifecycle.serving.server.http import Reply, Request
from trueup.lifecycle.serving.server.limits import Limiter
from trueup.lifecycle.serving.server.rates import Rates

_KEY_LENGTH = 255
_LATE = 504
_REMEMBERED_PATHS = 256
_SEGMENTS_BEFORE_MODEL = 3  # '', 'v2', 'models', then the name
_SERVER: Final = b'{"name":"trueup","version":"2","extensions":[]}'


class Caller(NamedTuple):
    """Who sends a request, once that is allowed.

    Attributes:
        name: The person or service; empty where nobody was asked for.
    """

    name: str = ""


NOBODY: Final = Caller()
Authorize = Callable[[Request, Permission, str], Awaitable[Caller] | Caller]


class Prepared(NamedTuple):
    """A deployment and what it will serve."""

    endpoint: Endpoint
    serving: Serving


class Call(NamedTuple):
    """One request, on its way to a handler."""

    model: str
    request: Request
    caller: Caller


Handler = Callable[[Call], Awaitable[Reply]]


class Route(NamedTuple):
    """One thing the server can be asked.

    Attributes:
        method: HTTP method.
        path: Path; `{model}` stands for a deployment's name.
        permission: What the caller must be allowed to do; `public` needs nobody.
        handler: What answers.
    """

    method: str
    path: str
    permission: Permission
    handler: Handler


class Application:
    """The prediction server.

    Args:
        journal: Where every answer is recorded before it goes out.
        authorize: Raises `DeniedError` unless the caller may do what the permission names; what
            it gives back, if anything, is awaited first.
        hosts: Names by which the server may be called, besides those of the loopback interface.
        limiter: What one caller may ask of a deployment; the usual if left out.
        queue_rows: Rows that may be under way at once for each deployment.

    Attributes:
        access: Told of each request that was answered, where somebody wants that.
        draining: It is about to stop, so it is not ready any more.
        gather: Gives the counts of all processes that answer together, where there are several.
        waits_for_others: It is not ready because one of those is not.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        authorize: Authorize,
        hosts: Iterable[str] = (),
        limiter: Limiter | None = None,
        queue_rows: int = QUEUE_ROWS,
    ) -> None:
        self.journal = journal
        self.metrics = Metrics()
        self.gather: Callable[[], Awaitable[list[Snapshot]]] | None = None
        self.access: Callable[[Access], None] | None = None
        self.draining = False
        self.waits_for_others = False
        self.routes: tuple[Route, ...] = (
            Route("GET", "/v2", "read", self._describe_server),
            Route("GET", "/v2/health/live", "public", self._live),
            Route("GET", "/v2/health/ready", "public", self._ready),
            Route("GET", "/v2/models/{model}", "read", self._describe_model),
            Route("GET", "/v2/models/{model}/ready", "public", self._model_ready),
            Route("POST", "/v2/models/{model}/infer", "predictions.create", self._infer),
            Route("POST", "/v2/models/{model}/feedback", "feedback.create", self._feedback),
            Route("GET", "/metrics", "metrics.read", self._metrics),
        )
        self._table = compiled(self.routes)
        self._found: dict[tuple[str, str], tuple[Route, str]] = {}
        self._authorize = authorize
        self._hosts = http.Hosts(hosts)
        self.limiter = limiter or Limiter(dict, Rates())
        self._queue_rows = queue_rows
        self._endpoints: Mapping[str, Endpoint] = {}
        self._used = used_keys(journal.folder)
        self._pool = make_pool()

    def serve(
        self, route: TrafficRoute, load: Loader, may_flip: Callable[[], bool] = lambda: True
    ) -> None:
        """Make a deployment serve a route; on failure it keeps what it had. Any thread may call.

        Args:
            route: Where the traffic is to go.
            load: Loads models.
            may_flip: Asked once all is ready; if not, nothing changes.

        Raises:
            TrueupError: A model cannot be loaded, does not work, or fits no other arm.
        """
        prepared = self.prepare(route, load)
        if may_flip():
            self.flip(prepared)

    def prepare(self, route: TrafficRoute, load: Loader) -> Prepared:
        """Make ready what a route needs, aside, for `flip`; takes as long as loading does.

        Raises:
            TrueupError: A model cannot be loaded, does not work, or fits no other arm.
        """
        name = route.deployment
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            keys = Keys(self.journal.folder, self._used.get(name))
            endpoint = Endpoint(name, self.journal, keys, self._queue_rows, self.metrics)
        try:
            return Prepared(endpoint, endpoint.prepare(route, load, self._pool))
        except Exception as error:
            code = error.code if isinstance(error, TrueupError) else type(error).__name__
            self.metrics.count("trueup_load_failures_total", name, code)
            raise

    def flip(self, prepared: Prepared) -> None:
        """Serve what was prepared from the next request on."""
        endpoint, serving = prepared
        endpoint.swap(serving)
        self._used.pop(endpoint.name, None)
        self.metrics.count("trueup_swaps_total", endpoint.name)
        # A new mapping: the event loop may be walking through the old one.
        self._endpoints = {**self._endpoints, endpoint.name: endpoint}

    def retire(self, deployment: str) -> None:
        """Stop serving a deployment."""
        if deployment in self._endpoints:
            self._endpoints[deployment].swap(None)

    def serving(self) -> Mapping[str, TrafficRoute]:
        """The route that each deployment serves now."""
        return {
            name: endpoint.serving.route
            for name, endpoint in self._endpoints.items()
            if endpoint.serving is not None
        }

    def close(self) -> None:
        """Stop scoring; sync and seal the journal."""
        self._pool.shutdown()
        self.journal.close()

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one HTTP request (ASGI)."""
        if scope["type"] != "http":
            raise InternalError("scope-unknown", f"The server cannot do '{scope['type']}'.")
        await asgi.send_reply(send, await self.answer(asgi.AsgiRequest(scope, receive)))

    async def answer(self, request: Request) -> Reply:
        """The reply to a request, also where something fails."""
        started = time.perf_counter()
        traced = tracing.of_request(request.method, request.path, request.headers)
        deployment = ""
        caller = NOBODY
        try:
            self._hosts.check(request.headers.get(b"host", b""))
            route, model = self._find(request.method, request.path)
            if route.permission != "public":
                asked = self._authorize(request, route.permission, model)
                caller = asked if isinstance(asked, Caller) else await asked
            if model in self._endpoints:
                deployment = model
                if route.method == "POST":
                    self.limiter.check_request(caller.name, deployment)
            reply = await route.handler(Call(model, request, caller))
        except TrueupError as error:
            self.metrics.count("trueup_errors_total", deployment, error.code)
            reply = http.refusal(error)
        except Exception as error:
            self.metrics.count("trueup_errors_total", deployment, "server-bug")
            reply = http.refusal(_bug(error))
        except asyncio.CancelledError:  # it took too long
            self.metrics.count("trueup_errors_total", deployment, "request-late")
            self._count(deployment, _LATE, started)
            if traced is not None:
                traced.end(deployment, _LATE)
            raise
        self._count(deployment, reply.status, started)
        if traced is not None:
            traced.end(deployment, reply.status)
        if self.access is not None:
            seconds = time.perf_counter() - started
            size = len(reply.body)
            self.access(Access(request, caller.name, deployment, reply.status, seconds, size))
        return reply

    def _count(self, deployment: str, status: int, started: float) -> None:
        self.metrics.count("trueup_requests_total", deployment, str(status))
        seconds = time.perf_counter() - started
        self.metrics.observe("trueup_request_seconds", seconds, deployment)

    def _find(self, method: str, path: str) -> tuple[Route, str]:
        found = self._found.get((method, path))
        if found is None:
            found = self._looked_up(method, path)
            if len(self._found) < _REMEMBERED_PATHS:
                self._found[method, path] = found
        return found

    def _looked_up(self, method: str, path: str) -> tuple[Route, str]:
        parts = path.split("/")
        model = ""
        if len(parts) > _SEGMENTS_BEFORE_MODEL and parts[2] == "models":
            model, parts[3] = parts[3], "{model}"
            path = "/".join(parts)
        methods = self._table.get(path)
        if methods is None:
            raise NotFoundError("path-not-found", "There is nothing at this path.", hint="GET /v2")
        route = methods.get(method)
        if route is None:
            raise UsageError("method-not-allowed", f"This path takes {', '.join(methods)} only.")
        return route, model

    def _endpoint(self, model: str) -> Endpoint:
        endpoint = self._endpoints.get(model)
        if endpoint is None:
            raise NotFoundError(
                "deployment-not-served",
                f"This server serves no deployment '{model}'."
                f"{did_you_mean(model, self._endpoints)}",
                hint="trueup deployment list",
            )
        return endpoint

    async def _describe_server(self, _call: Call) -> Reply:
        return Reply(200, _SERVER)

    async def _live(self, _call: Call) -> Reply:
        return Reply(200, b'{"live":true}')

    async def _ready(self, _call: Call) -> Reply:
        ready = bool(self.serving()) and self.journal.failed is None
        ready = ready and not self.draining and not self.waits_for_others
        word = b"true" if ready else b"false"
        return Reply(200 if ready else 503, b'{"live":true,"ready":%b}' % word)

    async def _describe_model(self, call: Call) -> Reply:
        serving = self._endpoint(call.model).serving
        if serving is None:
            raise not_serving(call.model)
        return Reply(200, serving.metadata)

    async def _model_ready(self, call: Call) -> Reply:
        ready = self._endpoint(call.model).serving is not None and not self.draining
        status = 200 if ready else 503
        return Reply(status, msgspec.json.encode({"name": call.model, "ready": ready}))

    async def _infer(self, call: Call) -> Reply:
        endpoint = self._endpoint(call.model)
        key = _checked_key(call.request.headers.get(b"idempotency-key", b""))
        body = await http.read_json(call.request, self.limiter.body_bytes(call.model))
        serving = endpoint.admit()
        asked = serving.reader.read(body)
        self.limiter.check_rows(call.caller.name, call.model, asked.rows)
        digest = digests.of_bytes(body) if key else ""
        answered = await endpoint.infer(serving, asked, key=key, body=digest)
        for record in answered:
            rows = len(record.rows)
            self.metrics.count("trueup_predictions_total", call.model, record.model_ref, by=rows)
        return Reply(200, replies.reply(answered, asked.id, asked.outputs))

    async def _feedback(self, call: Call) -> Reply:
        endpoint = self._endpoint(call.model)
        body = await http.read_json(call.request, self.limiter.body_bytes(call.model))
        return Reply(200, await endpoint.feedback(body))

    async def _metrics(self, _call: Call) -> Reply:
        all_ = [self.snapshot()] if self.gather is None else await self.gather()
        return Reply(200, render(merged(all_)).encode(), http.TEXT)

    def snapshot(self) -> Snapshot:
        """All counts of this process."""
        journal = self.journal
        now: Snapshot = {
            "trueup_queued_rows": [
                gauge(endpoint.queued_rows, name) for name, endpoint in self._endpoints.items()
            ],
            "trueup_journal_sync_seconds": [series_of(journal.sync_seconds)],
            "trueup_journal_lag_seconds": [gauge(journal.lag_s)],
            "trueup_model_bytes": [
                gauge(model.bytes, name, model.model_ref)
                for name, endpoint in self._endpoints.items()
                for model in endpoint.loaded()
            ],
            "trueup_journal_failed": [gauge(journal.failed is not None)],
            "trueup_workers": [gauge(1)],
        }
        return self.metrics.snapshot() | now


def compiled(routes: Sequence[Route]) -> dict[str, dict[str, Route]]:
    """The routes by path and method.

    Raises:
        InternalError: A route names no permission that exists, or stands there twice.
    """
    table: dict[str, dict[str, Route]] = {}
    for route in routes:
        if route.permission not in PERMISSIONS:
            raise InternalError(
                "route-unguarded", f"{route.method} {route.path} declares no permission."
            )
        if route.method in table.setdefault(route.path, {}):
            raise InternalError("route-twice", f"{route.method} {route.path} is declared twice.")
        table[route.path][route.method] = route
    return table


def _checked_key(raw: bytes) -> str:
    if len(raw) > _KEY_LENGTH or not raw.isascii():
        raise UsageError(
            "idempotency-key-malformed",
            f"The Idempotency-Key may hold {_KEY_LENGTH} ASCII characters at most.",
        )
    return raw.decode("ascii")


def _bug(error: Exception) -> InternalError:
    return InternalError(
        "server-bug",
        f"The server failed with {type(error).__name__}; nothing was answered.",
        hint="trueup doctor",
    )
