"""One application of three: predictions, tracking for MLflow's clients, pages and the API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from trueup.doors.mlflow import application as mlflow


class App(Protocol):
    """An ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        ...


class Draining(App, Protocol):
    """One that has work under way when it is told to stop."""

    draining: bool

    def close(self) -> None:
        """Finish."""
        ...


_App = TypeVar("_App", bound=App)
_OF_PREDICTIONS: Final = ("/v2", "/metrics", "/invocations", "/ping")
_TYPED: Final = ("/predict", "/invocations", "/openapi.json")


def _is_typed(path: str) -> bool:
    """Whether it is a deployment's own form; its other paths are pages."""
    return path.startswith("/deployments/") and path.endswith(_TYPED)


class Later(Generic[_App]):
    """An application that is made when it is first asked for: most servers need not all of them.

    Args:
        make: Makes it; called once, in a thread.
    """

    def __init__(self, make: Callable[[], _App]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self.made: _App | None = None

    def open(self) -> _App:
        """The application, made now if it was not."""
        with self._lock:
            if self.made is None:
                self.made = self._make()
            return self.made

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        app = self.made
        if app is None:
            app = await asyncio.to_thread(self.open)
        await app(scope, receive, send)


class Combined:
    """Each request to the door that its path belongs to; the rest are pages and the API."""

    def __init__(self, predictions: Later[Draining], tracking: App, pages: App) -> None:
        self.predictions = predictions
        self._tracking = tracking
        self._pages = pages
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether it is about to stop."""
        return self._draining

    @draining.setter
    def draining(self, is_draining: bool) -> None:
        self._draining = is_draining
        if self.predictions.made is not None:
            self.predictions.made.draining = is_draining

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if path in _OF_PREDICTIONS or path.startswith("/v2/") or _is_typed(path):
            await self.predictions(scope, receive, send)
        elif mlflow.is_ours(path):
            await self._tracking(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def close(self) -> None:
        """Seal the journal."""
        if self.predictions.made is not None:
            self.predictions.made.close()
