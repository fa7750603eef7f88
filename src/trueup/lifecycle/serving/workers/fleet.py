"""The supervisor: starts workers, replaces those that end, and lets all of them swap as one.

It loads no model and answers no request. A route is prepared by all workers, then all flip to it;
where one cannot, all keep what they have. A worker that ended is replaced by one that serves the
same, so a release that makes workers crash while it is loaded does no harm to the old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from trueup.foundation.errors import BackendError, TrueupError, of_problem
from trueup.lifecycle.releases.records import Route
from trueup.lifecycle.serving.metrics import Metrics, Snapshot, merged
from trueup.lifecycle.serving.server.rates import shared
from trueup.lifecycle.serving.workers import messages
from trueup.lifecycle.serving.workers.messages import Line, Order, Report
from trueup.lifecycle.serving.workers.place import Place

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 30.0
_SETTLED_S: Final = 60.0  # who lived that long is started again at once
_COUNT_S: Final = 1.0
_SEAL_S: Final = 20.0


class _Worker:
    """One place of the fleet, and the process that fills it now."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.process: asyncio.subprocess.Process | None = None
        self.line: Line[Report] | None = None
        self.is_up = asyncio.Event()
        self.failures = 0
        self.counted: Snapshot = {}
        self.waiting: dict[tuple[str, int], asyncio.Future[Any]] = {}

    def say(self, order: Order) -> None:
        """Tell it something."""
        if self.line is not None:
            self.line.say(order)

    def answer_to(self, kind: str, number: int) -> asyncio.Future[Any]:
        """Done when it answers."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting[kind, number] = future
        if self.line is None:
            future.set_exception(_lost(self.index))
        return future

    def answered(self, kind: str, number: int, answer: Any) -> None:
        """It answered."""
        future = self.waiting.pop((kind, number), None)
        if future is not None and not future.done():
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def gone(self) -> None:
        """The process is gone, with all that it was to answer."""
        self.is_up.clear()
        self.line = self.process = None
        for kind, number in list(self.waiting):
            self.answered(kind, number, _lost(self.index))


class Fleet:
    """Workers that answer on one port. To be made on a running event loop.

    Args:
        command: Starts a worker; it finds its `Place` in the environment.
        count: How many there are.
        listener: The socket that they share.
        folder: A private folder for their own sockets.
        tell: Told in words when a worker ends or cannot go on.
    """

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        listener: socket.socket,
        folder: Path,
        tell: Callable[[str], None],
    ) -> None:
        self._command = command
        self._listener = listener
        self._folder = folder
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._workers = [_Worker(index) for index in range(count)]
        self._keeping: list[asyncio.Task[None]] = []
        self._routes: dict[str, Route] = {}
        self._turn = asyncio.Lock()
        self._epoch = 0
        self._asked = 0
        self._rates = shared()
        self._dead: Snapshot = {}
        self._metrics = Metrics()
        self._has_begun = False
        self._is_draining = False
        self._stopping = asyncio.Event()
        self._broken: asyncio.Future[None] = self._loop.create_future()

    async def start(self) -> None:
        """Start all workers and wait until they can be told what to serve.

        Raises:
            BackendError: One ended before.
        """
        self._keeping = [asyncio.create_task(self._keep(worker)) for worker in self._workers]
        up: asyncio.Future[Any] = asyncio.gather(*(worker.is_up.wait() for worker in self._workers))
        await asyncio.wait((up, self._broken), return_when=asyncio.FIRST_COMPLETED)
        if self._broken.done():
            up.cancel()
            self._broken.result()

    def begin(self) -> None:
        """Let all workers take connections."""
        self._has_begun = True
        for worker in self._workers:
            worker.say(messages.Begin())
        self._stand()

    def drain(self) -> None:
        """Say that the server is not ready any more; it goes on answering."""
        self._is_draining = True
        self._stand()

    async def stop(self, finish_s: float, hurried: asyncio.Event) -> None:
        """Take no more connections, finish what is under way, and end all workers."""
        self._stopping.set()
        for worker in self._workers:
            worker.say(messages.Stop(finish_s))
        ended: asyncio.Future[Any] = asyncio.gather(*self._keeping)
        hurry = asyncio.create_task(hurried.wait())
        done, _ = await asyncio.wait(
            (ended, hurry),
            timeout=finish_s + _SEAL_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if ended not in done:
            for worker in self._workers:
                worker.say(messages.Stop(0.0))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), _SEAL_S)
            for worker in self._workers:
                if worker.process is not None:
                    worker.process.kill()
            await ended
        hurry.cancel()
        os.close(self._rates)

    # What a follower needs; called from its thread.

    def serving(self) -> Mapping[str, Route]:
        """The route that each deployment serves now, in all workers."""
        return dict(self._routes)

    def serve(
        self, route: Route, _load: object = None, may_flip: Callable[[], bool] = lambda: True
    ) -> None:
        """Make all workers serve a route; if one cannot, all keep what they have.

        Args:
            route: Where the traffic is to go.
            may_flip: Asked once all is ready; if not, nothing changes.

        Raises:
            TrueupError: Why one cannot.
        """
        asyncio.run_coroutine_threadsafe(self._serve(route, may_flip), self._loop).result()

    def retire(self, deployment: str) -> None:
        """Stop serving a deployment."""
        self._loop.call_soon_threadsafe(self._retire, deployment)

    async def _serve(self, route: Route, may_flip: Callable[[], bool]) -> None:
        async with self._turn:
            workers = [worker for worker in self._workers if worker.is_up.is_set()]
            epoch, problems = await self._prepare(workers, route)
            if self._stopping.is_set():
                return  # that workers end now tells nothing of the route
            takes_over = not problems and may_flip()
            for worker in workers:
                worker.say(messages.Flip(epoch, takes_over=takes_over))
            if problems:
                raise problems[0]
            if not takes_over:
                return
            self._routes[route.deployment] = route

    async def _prepare(
        self, workers: Sequence[_Worker], route: Route
    ) -> tuple[int, list[TrueupError]]:
        self._epoch += 1
        answers = [worker.answer_to("epoch", self._epoch) for worker in workers]
        for worker in workers:
            worker.say(messages.Prepare(self._epoch, route))
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        return self._epoch, [each for each in outcomes if isinstance(each, TrueupError)]

    def _retire(self, deployment: str) -> None:
        self._routes.pop(deployment, None)
        for worker in self._workers:
            worker.say(messages.Retire(deployment))

    # Keeping a place filled.

    async def _keep(self, worker: _Worker) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run(worker)
            if self._stopping.is_set():
                return
            if not self._has_begun:
                if not self._broken.done():
                    self._broken.set_exception(_not_started(worker.index, code))
                return
            lived = time.monotonic() - started
            worker.failures = 0 if lived > _SETTLED_S else worker.failures + 1
            self._metrics.count("trueup_worker_restarts_total")
            wait_s = min(_FIRST_WAIT_S * 2**worker.failures, _LONGEST_WAIT_S)
            self._tell(f"Worker {worker.index} {_ended(code)}; it is replaced in {wait_s:g} s.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _run(self, worker: _Worker) -> int:
        ours, theirs = socket.socketpair()
        place = Place(
            index=worker.index,
            count=len(self._workers),
            listener=self._listener.fileno(),
            control=theirs.fileno(),
            rates=self._rates,
            folder=str(self._folder),
        )
        with theirs:
            worker.process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.DEVNULL,
                pass_fds=(self._listener.fileno(), theirs.fileno(), self._rates),
                env=dict(os.environ) | place.as_environment(),
                start_new_session=True,  # Ctrl-C is for the supervisor
            )
        process = worker.process
        worker.line = await Line.on(ours, Report)
        hearing = asyncio.create_task(self._hear(worker, worker.line))
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        await hearing
        self._dead = merged([self._dead, _counters(worker.counted)])
        worker.counted = {}
        worker.gone()
        return code

    async def _hear(self, worker: _Worker, line: Line[Report]) -> None:
        introducing: set[asyncio.Task[None]] = set()
        while (report := await line.hear()) is not None:
            match report:
                case messages.Up():
                    if self._has_begun:
                        introducing.add(asyncio.create_task(self._introduce(worker)))
                    else:
                        worker.is_up.set()
                case messages.Prepared(epoch):
                    worker.answered("epoch", epoch, None)
                case messages.Failed(epoch, problem):
                    worker.answered("epoch", epoch, of_problem(problem))
                case messages.Counted(asked, snapshot):
                    worker.counted = snapshot
                    worker.answered("count", asked, snapshot)
                case messages.Wish(wish):
                    introducing.add(asyncio.create_task(self._tell_totals(worker, wish)))
        line.close()

    async def _introduce(self, worker: _Worker) -> None:
        """Let a new worker serve what the others do, then take connections."""
        async with self._turn:
            for route in list(self._routes.values()):
                epoch, problems = await self._prepare([worker], route)
                if problems:
                    self._tell(
                        f"Worker {worker.index} cannot serve '{route.deployment}' any more: "
                        f"{problems[0].message}"
                    )
                    if worker.process is not None:
                        worker.process.kill()
                    return
                worker.say(messages.Flip(epoch, takes_over=True))
            worker.is_up.set()
            worker.say(messages.Begin())
            self._stand()

    def _stand(self) -> None:
        for worker in self._workers:
            worker.say(messages.Stand(is_ready=self._has_begun, is_draining=self._is_draining))

    async def _tell_totals(self, worker: _Worker, wish: int) -> None:
        self._asked += 1
        workers = [each for each in self._workers if each.is_up.is_set()]
        answers = [each.answer_to("count", self._asked) for each in workers]
        for each in workers:
            each.say(messages.Count(self._asked))
        if answers:
            await asyncio.wait(answers, timeout=_COUNT_S)
        for answer in answers:  # who is late counts as it did the last time
            if answer.done():
                answer.exception()
        snapshots = [self._dead, self._metrics.snapshot(), *(each.counted for each in workers)]
        worker.say(messages.Totals(wish, snapshots))


def _counters(snapshot: Snapshot) -> Snapshot:
    """What a worker counted, without what was only so while it lived."""
    from trueup.lifecycle.serving.metrics import FAMILIES

    lasting = ("counter", "histogram")
    return {name: each for name, each in snapshot.items() if FAMILIES[name].kind in lasting}


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _lost(index: int) -> BackendError:
    return BackendError(
        "worker-lost", f"Worker {index} ended before it could answer.", hint="trueup doctor"
    )


def _not_started(index: int, code: int) -> BackendError:
    return BackendError(
        "worker-lost",
        f"Worker {index} {_ended(code)} before it could serve; it says why above.",
        hint="trueup serve --workers 1",
    )
