"""The scheduler: watches deployments when they are due, asks for runs, starts them, reacts.

Several processes may run it; a lease lets one work at a time. It performs no run itself: read
`performing.py` next, and `triggers.py` for what asks for runs beside the schedules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from trueup.app.automation.declaring import Declarations, Survey
from trueup.app.automation.reacting import ACTOR, Automation
from trueup.app.automation.triggers import Triggers
from trueup.app.automation.watching import has_news, watch
from trueup.app.provenance import sending as lineage_sending
from trueup.app.running.performing import Performers
from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError, TrueupError
from trueup.foundation.text import plural
from trueup.lifecycle.pipeline.steps import connecting
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.runs.requests.records import RunRequest
from trueup.state.leases import Lease

EVERY_S = 5.0
_LEASE = timedelta(minutes=2)


class Scheduler:
    """Does what is due, every few seconds, until told to stop.

    Args:
        workspace: The project.
        tell: Takes what happens, a sentence at a time.
        lease: How long its lease lasts: so long nothing happens after a scheduler died.
        at_most: How many runs may be at work at once, of all pipelines together.
        declared: Says what the pipelines declare; by default their files are read in a child.
    """

    def __init__(
        self,
        workspace: Workspace,
        tell: Callable[[str], None],
        *,
        lease: timedelta = _LEASE,
        at_most: int = 2,
        declared: Callable[[], Survey] | None = None,
    ) -> None:
        self._workspace = workspace
        self._tell = tell
        self._troubles, self._broken = _Lasting(tell), _Lasting(tell)
        self._at_most = at_most
        self._lease = Lease(workspace.state.database, "scheduler", lease)
        self._lasts = lease
        self._automation = Automation(workspace, tell, later=True)
        self._declared = declared or Declarations(workspace.root).read
        self._triggers = Triggers(workspace, self._lease, tell)
        self._performers = Performers(workspace.root, workspace.settings.home / "logs")

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; an error is told and does not end the scheduler."""
        while not stop.is_set():
            try:
                if self._lease.take():
                    with self._holding():
                        self.tick(clock.now())
            except TrueupError as error:
                self._tell(error.message)
            except Exception as error:  # a bug in one duty must not end all of them
                self._tell(f"{type(error).__name__}: {error}")
            stop.wait(EVERY_S)
        self.stop()

    def stop(self) -> None:
        """Stop the runs under way, let another scheduler go on with them, give the lease back."""
        for run in self._performers.stop():
            with suppress(TrueupError):  # what cannot be given back is found lost, and starts again
                self._workspace.requests.give_back(ACTOR, run)
                self._tell(f"run:{run} was stopped; the next scheduler goes on with it")
        self._triggers.stop()
        self._lease.release()

    @contextmanager
    def _holding(self) -> Iterator[None]:
        """Renew the lease while the block works: counting a day's traffic may outlast it."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self._lasts.total_seconds() / 4):
                with suppress(TrueupError):  # the next renewal comes before the lease ends
                    self._lease.take()

        keeper = threading.Thread(target=renew, name="trueup-lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def tick(self, now: datetime) -> None:
        """Do everything that is due at `now`; what fails is told, and the rest is done."""
        if lost := self._workspace.tracking.mark_lost(ACTOR):
            self._tell(f"{plural(lost, 'tracked run')} fell silent for longer than their lease")
        try:
            plan = self._workspace.plans.current(ACTOR).plan
        except NotFoundError:
            return
        trouble = set()
        for duty in (self._watch, self._react, self._see_to_runs, self._tell_others):
            try:
                duty(plan, now)
            except TrueupError as error:
                trouble.add(error.message)
            except Exception as error:  # a bug in one duty must not end all of them
                trouble.add(f"{type(error).__name__}: {error}")
        self._troubles.tell(trouble)

    def _watch(self, plan: Plan, now: datetime) -> None:
        due = [  # before the first look: it counts for all
            name
            for name, deployment in plan.deployments.items()
            if self._is_due(name, clock.parse_duration(deployment.monitor_every), now)
        ]
        for name in due:
            evaluation = watch(self._workspace, ACTOR, name, now)
            self._tell(f"evaluated {name}: {len(evaluation.findings)} findings")
            self._automation.retry_open_alerts(now)

    def _react(self, _plan: Plan, now: datetime) -> None:
        self._automation.pump(now)

    def _tell_others(self, _plan: Plan, _now: datetime) -> None:
        """Send lineage where trueup.toml names a catalogue."""
        if connecting.known(self._workspace.root, lineage_sending.CONNECTION):
            lineage_sending.send(self._workspace, ACTOR)

    def _is_due(self, deployment: str, every: timedelta, now: datetime) -> bool:
        serving = [
            release
            for release in self._workspace.releases.serving(ACTOR)
            if release.deployment == deployment
        ]
        if not serving:
            return False
        latest = self._workspace.monitors.evaluations(ACTOR, deployment, most=1)
        if not latest:
            return True
        if now - latest[0].as_of < every:
            return False
        # Nothing new since the last look leaves its answer as it was: a replay of the past is
        # not overwritten by the silence of today. Late labels are new, too.
        newest = self._workspace.predictions.query(ACTOR, deployment, limit=1)
        is_new = bool(newest) and newest[0].received_at > latest[0].evaluated_at
        return is_new or has_news(self._workspace, ACTOR, deployment)

    def _see_to_runs(self, _plan: Plan, now: datetime) -> None:
        """Settle what has ended, ask for what is due, start what waits."""
        self._performers.reap()
        self._workspace.runs.mark_lost(ACTOR)
        for request in self._workspace.requests.settle(ACTOR):
            self._tell_of(request)
        survey = self._declared()
        self._broken.tell({f"{file}: {problem}" for file, problem in survey.problems.items()})
        for declared in survey.declared:
            asked, note = self._workspace.schedules.look(ACTOR, self._lease, declared, now)
            for request in asked:
                self._tell(f"pipeline {request.pipeline} is due: {request.reason}")
            if note:
                self._tell(f"pipeline {declared.pipeline}: {note}")
        self._triggers.pump(survey.declared, now)
        while claimed := self._workspace.requests.claim(ACTOR, self._lease, self._at_most):
            self._tell(f"{claimed.ref} starts: {claimed.reason}")
            self._performers.start(claimed)

    def _tell_of(self, request: RunRequest) -> None:
        if request.state == "waiting":
            self._tell(f"a run of {request.pipeline} was lost; {request.ref} goes on with it")
            return
        why = f": {request.error.message}" if request.error else ""
        self._tell(f"{request.ref} of {request.pipeline} {request.state}{why}")
        if request.state == "finished":
            # Its process may have died between the end of the run and this: the same again is fine.
            run = self._workspace.runs.show(ACTOR, request.run).run
            if run.candidate:
                self._workspace.models.register(ACTOR, run.id)


class _Lasting:
    """Tells a lasting trouble once, and again only after it was over."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def tell(self, trouble: set[str]) -> None:
        for words in sorted(trouble - self._told):
            self._tell(words)
        self._told = trouble
