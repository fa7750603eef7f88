"""Keeps a server at what its source says: new models are loaded aside, then swapped in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from trueup.lifecycle.releases.records import Route
from trueup.lifecycle.serving.inference.endpoint import Loader
from trueup.lifecycle.serving.inference.source import ModelSource

EVERY_S = 0.1
_AGAIN_S = 30.0  # a route that failed to load is tried again after this long

OnFailure = Callable[[str, Exception], None]


class Server(Protocol):
    """What can be made to serve a route: one application, or several workers as one."""

    def serving(self) -> Mapping[str, Route]:
        """The route that each deployment serves now."""
        ...

    def serve(self, route: Route, load: Loader, /) -> None:
        """Make a deployment serve a route; on failure it keeps what it had."""
        ...

    def retire(self, deployment: str, /) -> None:
        """Stop serving a deployment."""
        ...


class Follower:
    """Polls a source in a thread and makes the application serve what it says.

    Args:
        source: Says where traffic goes, and loads models.
        application: The server.
        on_failure: Told of a deployment (empty for the source itself) and why it could not
            follow; what was served before goes on.
        every_s: Seconds between two looks.
    """

    def __init__(
        self,
        source: ModelSource,
        application: Server,
        *,
        on_failure: OnFailure,
        every_s: float = EVERY_S,
    ) -> None:
        self._source = source
        self._application = application
        self._on_failure = on_failure
        self._every_s = every_s
        self._failed: dict[str, tuple[Route, float]] = {}
        self._source_failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trueup-follower", daemon=True)

    def refresh(self) -> None:
        """Look once, and do what is needed."""
        try:
            wanted = self._source.routes()
        except Exception as error:
            if not self._source_failed:
                self._on_failure("", error)
            self._source_failed = True
            return
        self._source_failed = False
        served = self._application.serving()
        for name in served.keys() - wanted.keys():
            self._application.retire(name)
        for name, route in wanted.items():
            if served.get(name) == route:
                self._failed.pop(name, None)
            elif not self._failed_lately(route):
                self._serve(route)

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; a load under way is waited for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.refresh()

    def _serve(self, route: Route) -> None:
        try:
            self._application.serve(route, self._source.load)
        except Exception as error:
            known = self._failed.get(route.deployment)
            self._failed[route.deployment] = (route, time.monotonic())
            if known is None or known[0] != route:
                self._on_failure(route.deployment, error)

    def _failed_lately(self, route: Route) -> bool:
        known = self._failed.get(route.deployment)
        return known is not None and known[0] == route and time.monotonic() - known[1] < _AGAIN_S
