"""The prediction server as one ASGI callable: a small table of routes, each with its permission.

What is not in the table does not exist, and nothing runs before `authorize` has allowed it. Read
`endpoint.py` for what happens to a request, `connection.py` and `process.py` for what is around it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from trueup.foundation import digests
from trueup.foundation.errors import InternalError, NotFoundError, TrueupError
from trueup.foundation.permissions import Permission
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.plan.deployments import Journaling
from trueup.lifecycle.releases.records import Route as TrafficRoute
from trueup.lifecycle.serving import tracing
from trueup.lifecycle.serving.inference.endpoint import (
    QUEUE_ROWS,
    Endpoint,
    Loader,
    Serving,
)
from trueup.lifecycle.serving.inference.idempotency import Keys, used_keys
from trueup.lifecycle.serving.inference.scoring import make_pool
from trueup.lifecycle.serving.journal import recording
from trueup.lifecycle.serving.journal.recording import Recorder
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.metrics import Metrics, Snapshot, gauge, merged, render, series_of
from trueup.lifecycle.serving.protocol.intake import Asked
from trueup.lifecycle.serving.records import Predictions
from trueup.lifecycle.serving.server import asgi, http
from trueup.lifecycle.serving.server.access import Access
from trueup.lifecycle.serving.server.http import Reply, Request
from trueup.lifecycle.serving.server.limits import Limiter
from trueup.lifecycle.serving.server.open_protocol import OpenProtocol, arm_of, checked_key
from trueup.lifecycle.serving.server.rates import Rates
from trueup.lifecycle.serving.server.routing import NOBODY, Call, Caller, Route, Table
from trueup.lifecycle.serving.server.typed import Typed

_LATE = 504


Authorize = Callable[[Request, Permission, str], Awaitable[Caller] | Caller]


class Prepared(NamedTuple):
    """A deployment and what it will serve."""

    endpoint: Endpoint
    serving: Serving


class Application:
    """The prediction server.

    Args:
        journal: Where every answer is recorded before it goes out.
        authorize: Raises `DeniedError` unless the caller may do what the permission names; what
            it gives back, if anything, is awaited first.
        hosts: Names by which the server may be called, besides those of the loopback interface.
        limiter: What one caller may ask of a deployment; the usual if left out.
        journaling: Gives how each deployment is recorded; the usual if it says nothing.
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
        journaling: Callable[[], Mapping[str, Journaling]] = dict,
        queue_rows: int = QUEUE_ROWS,
    ) -> None:
        self._journaling = journaling
        self.journal = journal
        self.metrics = Metrics()
        self.gather: Callable[[], Awaitable[list[Snapshot]]] | None = None
        self.access: Callable[[Access], None] | None = None
        self.draining = False
        self.waits_for_others = False
        self.routes: tuple[Route, ...] = (
            *OpenProtocol(self).routes,
            *Typed(self).routes,
            Route("POST", "/v2/models/{model}/feedback", "feedback.create", self._feedback),
            Route("GET", "/metrics", "metrics.read", self._metrics),
        )
        self._table = Table(self.routes)
        self._authorize = authorize
        self._hosts = http.Hosts(hosts)
        self.limiter = limiter or Limiter(dict, Rates())
        self._queue_rows = queue_rows
        self.endpoints: Mapping[str, Endpoint] = {}
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
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            keys = Keys(self.journal.folder, self._used.get(name))
            recorder = Recorder(self.journal, lambda: self._journaling().get(name, recording.USUAL))
            endpoint = Endpoint(name, recorder, keys, self._queue_rows, self.metrics)
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
        self.endpoints = {**self.endpoints, endpoint.name: endpoint}

    def retire(self, deployment: str) -> None:
        """Stop serving a deployment."""
        if deployment in self.endpoints:
            self.endpoints[deployment].swap(None)

    def serving(self) -> Mapping[str, TrafficRoute]:
        """The route that each deployment serves now."""
        return {
            name: endpoint.serving.route
            for name, endpoint in self.endpoints.items()
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
            route, model, version = self._table.find(request.method, request.path)
            if route.of_only:
                model = self._only()
            if route.permission != "public":
                asked = self._authorize(request, route.permission, model)
                caller = asked if isinstance(asked, Caller) else await asked
            if model in self.endpoints:
                deployment = model
                if route.method == "POST":
                    self.limiter.check_request(caller.name, deployment)
            reply = await route.handler(Call(model, version, request, caller))
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

    def endpoint(self, model: str) -> Endpoint:
        """One of the deployments that it knows.

        Raises:
            NotFoundError: There is no such deployment.
        """
        endpoint = self.endpoints.get(model)
        if endpoint is None:
            raise NotFoundError(
                "deployment-not-served",
                f"This server serves no deployment '{model}'.{did_you_mean(model, self.endpoints)}",
                hint="trueup deployment list",
            )
        return endpoint

    def _only(self) -> str:
        if len(self.endpoints) != 1:
            raise NotFoundError(
                "deployment-unnamed",
                "This path is for servers of one deployment, which this one is not.",
                hint="POST /deployments/NAME/invocations",
            )
        return next(iter(self.endpoints))

    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        ready = bool(self.serving()) and not self._refuses()
        return ready and not self.draining and not self.waits_for_others

    def _refuses(self) -> bool:
        """Whether a deployment refuses requests because the journal cannot be written."""
        return self.journal.failed is not None and any(
            self._journaling().get(name, recording.USUAL).when_full == "refuse"
            for name in self.serving()
        )

    async def infer(
        self, call: Call, endpoint: Endpoint, serving: Serving, asked: Asked, body: bytes
    ) -> list[Predictions]:
        """Answer a request: its records, which are on disk.

        Args:
            call: Where it came in.
            endpoint: The deployment.
            serving: What answers.
            asked: The request.
            body: Its body, by which a repeated Idempotency-Key is known to mean the same.
        """
        self.limiter.check_rows(call.caller.name, call.model, asked.rows)
        key = checked_key(call.request.headers.get(b"idempotency-key", b""))
        digest = digests.of_bytes(body) if key else ""
        pinned = arm_of(serving, call) if call.version else None
        answered = await endpoint.infer(serving, asked, key=key, body=digest, pinned=pinned)
        for record in answered:
            rows = len(record.rows)
            self.metrics.count("trueup_predictions_total", call.model, record.model_ref, by=rows)
        return answered

    async def _feedback(self, call: Call) -> Reply:
        endpoint = self.endpoint(call.model)
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
                gauge(endpoint.queued_rows, name) for name, endpoint in self.endpoints.items()
            ],
            "trueup_journal_sync_seconds": [series_of(journal.sync_seconds)],
            "trueup_journal_lag_seconds": [gauge(journal.lag_s)],
            "trueup_model_bytes": [
                gauge(model.bytes, name, model.model_ref)
                for name, endpoint in self.endpoints.items()
                for model in endpoint.loaded()
            ],
            "trueup_journal_missing_total": [
                gauge(rows, name) for name, rows in list(journal.missing.items())
            ],
            "trueup_journal_failed": [gauge(journal.failed is not None)],
            "trueup_workers": [gauge(1)],
        }
        return self.metrics.snapshot() | now


def _bug(error: Exception) -> InternalError:
    return InternalError(
        "server-bug",
        f"The server failed with {type(error).__name__}; nothing was answered.",
        hint="trueup doctor",
    )
