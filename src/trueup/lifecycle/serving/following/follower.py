"""Keeps a server at what its source says: new models are loaded aside, then swapped in.

One thread looks; each deployment that has to change is loaded in a thread of its own, so that a
slow or broken model holds up neither the event loop nor a rollback elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from trueup.foundation.errors import BackendError, InternalError, TrueupError
from trueup.foundation.text import seconds as said_seconds
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.inference.endpoint import Loader
from trueup.lifecycle.serving.inference.source import LoadedModel, ModelSource

EVERY_S: Final = 0.1
_AGAIN_S: Final = 30.0  # a route that failed to load is tried again after this long
_LAST_WAIT_S: Final = 1.0
_TELL_AGAIN_S: Final = (0.0, 1.0, 5.0, 30.0)  # a note that could not be written is tried again

OnFailure = Callable[[str, Exception], None]


class Server(Protocol):
    """What can be made to serve a route: one application, or several workers as one."""

    def serving(self) -> Mapping[str, Route]:
        """The route that each deployment serves now."""
        ...

    def serve(self, route: Route, load: Loader, may_flip: Callable[[], bool], /) -> None:
        """Make a deployment serve a route; on failure it keeps what it had.

        Once all is ready `may_flip` is asked; if not, nothing changes.
        """
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
        self._loading: dict[str, _Loading] = {}
        self._source_failed = False
        self._lock = threading.RLock()  # of all above
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trueup-follower", daemon=True)

    def refresh(self) -> None:
        """Look, and wait until all that has to be loaded for it is, or is given up."""
        self.look()
        while under_way := list(self._loading.values()):
            for loading in under_way:
                loading.join(max(0.0, min(1.0, loading.until - time.monotonic())))
            self.look()

    def look(self) -> None:
        """Look once, and begin what has to be done; nothing is waited for."""
        try:
            wanted = self._source.routes()
        except Exception as error:
            if not self._source_failed:
                self._on_failure("", error)
            self._source_failed = True
            return
        self._source_failed = False
        with self._lock:
            served = self._application.serving()
            for name in served.keys() - wanted.keys():
                self._application.retire(name)
            for name in self._loading.keys() - wanted.keys():
                self._give_up(name)
            for name, route in wanted.items():
                self._follow(_braked(route, served.get(name)), served.get(name))

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; what is being loaded is given up."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            given_up = list(self._loading.values())
            for loading in given_up:
                self._give_up(loading.route.deployment)
        for loading in given_up:
            loading.join(_LAST_WAIT_S)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.look()

    def _follow(self, route: Route, served: Route | None) -> None:
        name = route.deployment
        loading = self._loading.get(name)
        if loading is not None and loading.flips:
            return  # it takes over at this moment
        if served == route:
            self._failed.pop(name, None)
            self._give_up(name)
        elif loading is not None and loading.wanted == route:
            if time.monotonic() > loading.until:
                self._refuse(loading, _late(loading))
        elif not self._failed_lately(route):
            self._begin(route, route)

    def _begin(self, route: Route, wanted: Route) -> None:
        seconds = self._source.seconds_to_load(route.deployment)
        loading = self._loading[route.deployment] = _Loading(self._load, route, wanted, seconds)
        loading.start()

    def _give_up(self, name: str) -> None:
        loading = self._loading.get(name)
        if loading is not None and not loading.flips:
            del self._loading[name]

    def _load(self, loading: _Loading) -> None:
        """Load what a route needs and swap it in, unless it was given up meanwhile."""
        route = loading.route
        started = time.monotonic()
        loaded: dict[int, LoadedModel] = {}

        def load(model_ref: str, release: int, deployment: str) -> LoadedModel:
            loading.at = next(arm for arm in route.arms if arm.release == release)
            loaded[release] = self._source.load(model_ref, release, deployment)
            return loaded[release]

        def may_flip() -> bool:
            with self._lock:
                loading.flips = self._loading.get(route.deployment) is loading
            return loading.flips

        try:
            self._application.serve(route, load, may_flip)
        except Exception as error:
            self._refuse(loading, error)
            return
        with self._lock:
            if self._loading.get(route.deployment) is loading:
                del self._loading[route.deployment]
        if loading.flips:
            self._note_served(route, loaded, time.monotonic() - started)

    def _refuse(self, loading: _Loading, error: Exception) -> None:
        route, name = loading.route, loading.route.deployment
        with self._lock:
            if self._loading.get(name) is not loading:
                return
            del self._loading[name]
            known = self._failed.get(name)
            is_new = known is None or known[0] != loading.wanted or route != loading.wanted
            self._failed[name] = (loading.wanted, time.monotonic())
            if name not in self._application.serving() and (back := self._before(route)):
                self._begin(back, loading.wanted)
        if is_new:
            self._on_failure(name, error)
            told = error if isinstance(error, TrueupError) else _unforeseen(error)
            self._note(lambda: self._source.refused(name, loading.at, told))

    def _before(self, route: Route) -> Route | None:
        """What served before a release that cannot be: for a server that has just started."""
        try:
            return self._source.before(route)
        except Exception as error:
            self._on_failure("", error)
            return None

    def _note_served(self, route: Route, loaded: Mapping[int, LoadedModel], seconds: float) -> None:
        """Note what is new; where workers load, nothing is known of their memory."""

        def write() -> None:
            for arm in route.arms:
                size = loaded[arm.release].bytes if arm.release in loaded else 0
                self._source.served(route.deployment, arm, seconds, size)

        self._note(write)

    def _note(self, write: Callable[[], None]) -> None:
        """Have something noted; a locked or lost database keeps nobody from being answered."""

        def trying() -> None:
            for pause in _TELL_AGAIN_S:
                if self._stop.wait(pause):
                    return
                try:
                    write()
                except Exception as error:
                    failed = error
                else:
                    return
            self._on_failure("", failed)

        threading.Thread(target=trying, name="trueup-note", daemon=True).start()

    def _failed_lately(self, route: Route) -> bool:
        known = self._failed.get(route.deployment)
        return known is not None and known[0] == route and time.monotonic() - known[1] < _AGAIN_S


class _Loading(threading.Thread):
    """One deployment's next models on their way into memory.

    No thread can be stopped: one that takes too long is given up, and what it brings in the end
    is dropped.
    """

    def __init__(
        self, load: Callable[[_Loading], None], route: Route, wanted: Route, seconds: float
    ) -> None:
        super().__init__(name=f"trueup-load-{route.deployment}", daemon=True)
        self.route = route
        self.wanted = wanted  # another one where that could not be had
        self.at: Arm = route.arms[0]
        self.seconds = seconds
        self.until = time.monotonic() + seconds
        self.flips = False
        self._load = load

    def run(self) -> None:
        """Load it."""
        self._load(self)


def _braked(route: Route, served: Route | None) -> Route:
    """What to follow: a brake must not wait for a model, so what serves is what stops."""
    if served is None or not route.stopped:
        return route
    return msgspec.structs.replace(served, stopped=route.stopped)


def _late(loading: _Loading) -> BackendError:
    return BackendError(
        "model-load-timeout",
        f"The model {loading.at.model_ref} was not loaded, proven and warmed up within "
        f"{said_seconds(loading.seconds)}.",
        hint="trueup explain model-load-timeout",
        context={"model": loading.at.model_ref},
    )


def _unforeseen(error: Exception) -> InternalError:
    return InternalError(
        "model-load-failed", f"Loading failed with {type(error).__name__}.", hint="trueup doctor"
    )
