"""One application of three: predictions, tracking for MLflow's clients, pages and the API."""

from __future__ import annotations

from typing import Any

from trueup.doors.mlflow import application as mlflow
from trueup.lifecycle.serving.application import Application


class Combined:
    """Each request to the door that its path belongs to; the rest are pages and the API."""

    def __init__(self, predictions: Application, tracking: Any, pages: Any) -> None:
        self._predictions = predictions
        self._tracking = tracking
        self._pages = pages

    @property
    def draining(self) -> bool:
        """Whether it is about to stop."""
        return self._predictions.draining

    @draining.setter
    def draining(self, is_draining: bool) -> None:
        self._predictions.draining = is_draining

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if path in ("/v2", "/metrics") or path.startswith("/v2/"):
            await self._predictions(scope, receive, send)
        elif mlflow.is_ours(path):
            await self._tracking(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def close(self) -> None:
        """Seal the journal."""
        self._predictions.close()
