"""The routes of each deployment's own typed form: rows as JSON objects, OpenAPI, MLflow, CSV."""

from __future__ import annotations

from typing import Final

from trueup import __version__
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.serving.inference.endpoint import not_serving
from trueup.lifecycle.serving.protocol import mlflow, rows
from trueup.lifecycle.serving.server import bodies, http
from trueup.lifecycle.serving.server.http import Reply
from trueup.lifecycle.serving.server.routing import Call, Home, Route

_PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")


class Typed:
    """What people write by hand, and what MLflow's scoring clients send.

    Args:
        home: The server.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        of_model = "/deployments/{model}"
        self.routes: tuple[Route, ...] = (
            Route("POST", f"{of_model}/predict", "predictions.create", self._predict),
            Route("GET", f"{of_model}/openapi.json", "read", self._openapi),
            Route("POST", f"{of_model}/invocations", "predictions.create", self._invocations),
            Route("POST", "/invocations", "predictions.create", self._invocations, of_only=True),
            Route("GET", "/ping", "public", self._ping),
            Route("GET", "/health", "public", self._ping),
            Route("GET", "/version", "public", self._version),
        )

    async def _predict(self, call: Call) -> Reply:
        endpoint = self._home.endpoint(call.model)
        body = await bodies.read(
            call.request, self._home.limiter.body_bytes(call.model), "application/json"
        )
        serving = endpoint.admit()
        asked = serving.rows.read(body)
        answered = await self._home.infer(call, endpoint, serving, asked, body)
        return bodies.folded(Reply(200, rows.reply(answered)), call.request)

    async def _openapi(self, call: Call) -> Reply:
        serving = self._home.endpoint(call.model).serving
        if serving is None:
            raise not_serving(call.model)
        signature = serving.scorers[0].model.signature
        return bodies.folded(Reply(200, serving.rows.openapi(call.model, signature)), call.request)

    async def _invocations(self, call: Call) -> Reply:
        try:
            return await self._invoked(call)
        except TrueupError as error:
            return http.refusal(error)._replace(body=mlflow.refusal(error))

    async def _invoked(self, call: Call) -> Reply:
        endpoint = self._home.endpoint(call.model)
        kinds = ("application/json", "text/csv")
        body = await bodies.read(call.request, self._home.limiter.body_bytes(call.model), *kinds)
        serving = endpoint.admit()
        read = mlflow.read_csv if bodies.kind_of(call.request) == "text/csv" else mlflow.read
        asked = read(serving.intake, body)
        answered = await self._home.infer(call, endpoint, serving, asked, body)
        return bodies.folded(Reply(200, mlflow.reply(answered)), call.request)

    async def _ping(self, _call: Call) -> Reply:
        return Reply(200 if self._home.is_ready() else 503, b"\n", _PLAIN)

    async def _version(self, _call: Call) -> Reply:
        return Reply(200, __version__.encode(), _PLAIN)
