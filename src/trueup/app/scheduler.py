"""The scheduler: watches deployments when they are due, starts scheduled pipelines, reacts.

Several processes may run it; a lease lets one work at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from cronsim import CronSim

from trueup.app.automation import ACTOR, Automation
from trueup.app.training import train
from trueup.app.watching import has_news, watch
from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError, TrueupError
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.runs.records import Cause
from trueup.state.leases import Lease

EVERY_S = 5.0
_LEASE = timedelta(minutes=2)


class Scheduler:
    """Does what is due, every few seconds, until told to stop."""

    def __init__(self, workspace: Workspace, tell: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._tell = tell
        self._automation = Automation(workspace, tell)
        self._lease = Lease(workspace.state.database, "scheduler", _LEASE)
        self._since = clock.now()

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
        self._lease.release()

    @contextmanager
    def _holding(self) -> Iterator[None]:
        """Renew the lease while the block works: a training outlasts it."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(_LEASE.total_seconds() / 4):
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
        """Do everything that is due at `now`."""
        try:
            plan = self._workspace.plans.current(ACTOR).plan
        except NotFoundError:
            return
        due = [  # before the first look: it counts for all
            name
            for name, deployment in plan.deployments.items()
            if self._is_due(name, clock.parse_duration(deployment.monitor_every), now)
        ]
        for name in due:
            evaluation = watch(self._workspace, ACTOR, name, now)
            self._tell(f"evaluated {name}: {len(evaluation.findings)} findings")
            self._automation.retry_open_alerts(now)
        self._automation.pump(now)
        self._run_pipelines(now)
        self._since = now

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

    def _run_pipelines(self, now: datetime) -> None:
        for name, pipeline in discovery.load(self._workspace.root).items():
            if not pipeline.schedule:
                continue
            due = next(CronSim(pipeline.schedule, self._since))
            cause = f"schedule:{name}:{due:%Y-%m-%dT%H:%M}"
            # The cause is unique to the slot: after a crash the same slot is not run twice.
            if due <= now and not self._workspace.runs.caused_by(ACTOR, cause):
                self._tell(f"pipeline {name} is due")
                train(
                    self._workspace,
                    ACTOR,
                    name,
                    {},
                    cause=Cause(by=cause, reason=f"schedule {pipeline.schedule}"),
                )
