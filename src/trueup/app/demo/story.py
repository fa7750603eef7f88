"""The demo's story: months of real traffic, each chapter done by the same verbs users call.

Every chapter asks the database what has happened already, so a demo that was killed goes on where
it was.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from itertools import groupby
from pathlib import Path
from typing import Final

from trueup.app.automation.reacting import ACTOR as AUTOMATION
from trueup.app.automation.reacting import Automation
from trueup.app.automation.watching import count, watch
from trueup.app.demo import versions
from trueup.app.demo.again import Looked, look
from trueup.app.demo.client import Client
from trueup.app.demo.progress import Display
from trueup.app.demo.repository import commit_all
from trueup.app.demo.server import Server
from trueup.app.demo.traffic import WEEK, Batch, batches
from trueup.app.demo.warehouse import Source, Warehouse
from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import configuration
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, GateFailedError
from trueup.foundation.text import plural
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.plan.service import read as read_plan

DEPLOYMENT: Final = "late-arrivals"
MODEL: Final = "flights"
BOOKS: Final = "acknowledged.jsonl"
START: Final = datetime(2013, 4, 1, tzinfo=UTC)
MONTHS: Final = 9  # April to December
_LAST_LOOK_AFTER: Final = timedelta(days=5)
BAD: Final = {"iterations": 1, "depth": 1}
_FOLLOWS_WITHIN_S: Final = 60.0


def write_project(folder: Path) -> None:
    """Write the project as a user would, in a Git repository of its own, and commit it."""
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("trueup.app.demo") / "project") as template:
        for source in sorted(template.rglob("*")):
            relative = source.relative_to(template)
            if source.is_dir() or "__pycache__" in relative.parts:
                continue
            target = folder / (".gitignore" if relative.name == "gitignore" else relative)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    commit_all(folder, "Warn passengers of late flights: the plan and the pipeline")


class Story:
    """Tells the whole story in one folder, from the plan to the last week of the year."""

    def __init__(self, folder: Path, share: float, months: int, display: Display) -> None:
        self._folder = folder
        self._share = share
        self._end = datetime(2013 + (3 + months) // 12, (3 + months) % 12 + 1, 1, tzinfo=UTC)
        self._last_look = self._end + _LAST_LOOK_AFTER
        self._display = display
        self._workspace: Workspace | None = None
        self._source = Source(share)
        self._warehouse = Warehouse(folder / "warehouse", self._source)

    def close(self) -> None:
        """Close the workspace, if the story came that far."""
        if self._workspace is not None:
            self._workspace.close()

    @property
    def workspace(self) -> Workspace:
        """The project's workspace, once the plan is written."""
        if self._workspace is None:
            self._workspace = open_workspace(self._folder)
        return self._workspace

    def tell(self) -> Workspace:
        """Do whatever of the story has not been done yet; the workspace stays open."""
        reading = threading.Thread(target=self._source.read, daemon=True)
        reading.start()
        with self._display.chapter("The plan: goals, risks, milestones, team"):
            write_project(self._folder)
            self._adopt_plan()
        self._ana = self.workspace.speaking_as("ana")
        self._ben = self.workspace.speaking_as("ben")
        self._cleo = self.workspace.speaking_as("cleo")
        self._automation = Automation(self.workspace, self._display.remark)
        if self._last_look not in self._evaluated():
            self._tell_the_year(reading)
        count(self.workspace, AUTOMATION)  # the server sealed its journal: that goes on record
        with self._display.chapter("Versions: a copy elsewhere, the same again, nothing twice"):
            versions.keep(self.workspace, self._ana, MODEL, self._display)
        return self.workspace

    @property
    def is_told(self) -> bool:
        """Whether nothing of the story is left to do."""
        home = self._folder / configuration.HOME
        if not ((self._folder / configuration.FILE).exists() and (home / "trueup.db").exists()):
            return False
        return self._last_look in self._evaluated() and versions.is_kept(self.workspace, AUTOMATION)

    def look(self) -> Looked:
        """What of a told story would have to be done again."""
        return look(self.workspace, self.workspace.owner, MODEL, sorted(self._evaluated()))

    def _tell_the_year(self, reading: threading.Thread) -> None:
        # The server starts while the first model trains; it follows the releases as they happen.
        with Server(self._folder, self.workspace.settings.home / "server.log") as server:
            with self._display.chapter("The first model: data, features, training, on record"):
                reading.join()
                first = self._first_model()
            with self._display.chapter("The gate: bad is refused, good is approved and released"):
                self._refuse_the_bad_one()
                self._release_first(first)
            with self._display.chapter(
                "Live traffic: predictions, labels, monitors, retraining", total=self._count_weeks()
            ):
                self._live_through_the_year(first, server)

    def _adopt_plan(self) -> None:
        commit = source.read(self._folder).commit
        owner = self.workspace.owner
        adopted = self.workspace.plans.adopt(owner, read_plan(self._folder), commit)
        goals = ", ".join(goal.id for goal in adopted.plan.goals)
        self._display.remark(f"plan {adopted.version} is in force: goals {goals}")

    def _first_model(self) -> ModelVersion:
        versions = self.workspace.models.versions(self._ana, MODEL)
        if versions:
            return versions[-1]
        with self._display.counted("data: landing and snapshots"):
            self._warehouse.land(START)
        trained = train(self.workspace, self._ana, MODEL, {})
        assert trained.version is not None, "the pipeline returns a candidate"
        rows = trained.run.candidate.trained_on.rows if trained.run.candidate else 0
        self._display.remark(f"{trained.version.ref} learned from {rows:,} flights of the winter")
        return trained.version

    def _refuse_the_bad_one(self) -> None:
        versions = self.workspace.models.versions(self._ana, MODEL)
        bad = next(
            (v for v in versions if v.manifest.parameters["iterations"] == BAD["iterations"]), None
        )
        if bad is None:
            bad = train(self.workspace, self._ana, MODEL, BAD).version
            assert bad is not None, "the pipeline returns a candidate"
        if self.workspace.gates.of_model(self._ana, bad.ref):
            return
        self.workspace.gates.judge(self._ana, MODEL, str(bad.version))
        try:
            self.workspace.releases.request(self._ana, DEPLOYMENT, MODEL, str(bad.version))
        except GateFailedError as error:
            self._display.remark(f"refused: {error.message}")
            return
        raise BackendError(
            "demo-broken", f"{bad.ref} was meant to fail its gate, and passed.", hint="trueup demo"
        )

    def _release_first(self, first: ModelVersion) -> None:
        if self.workspace.releases.of_deployment(self._ana, DEPLOYMENT):
            self._answer_questions(START)
            return
        self.workspace.gates.judge(self._ana, MODEL, str(first.version))
        self.workspace.releases.request(
            self._ana, DEPLOYMENT, MODEL, str(first.version), why="the first model for passengers"
        )
        self._answer_questions(START)

    def _answer_questions(self, at: datetime) -> None:
        """Ben, the second person, reads the verdict and answers what waits."""
        for approval in self.workspace.people.open_approvals(self._ben):
            self.workspace.people.decide(
                self._ben, approval.id, approve=True, reason="the verdict passed; I read it"
            )
            self._display.remark(f"ben approved {approval.subject}")
        self._automation.pump(at)

    def _live_through_the_year(self, first: ModelVersion, server: Server) -> None:
        signature = first.manifest.signature
        entity = self.workspace.plans.current(self._ana).plan.deployments[DEPLOYMENT].entity
        # The project's own step, called as the plain function that it is.
        features = discovery.find(self._folder, MODEL).function.__globals__["features"]
        traffic = batches(self._source, features, signature, entity, START, self._end, self._share)
        books = self.workspace.settings.home / BOOKS
        client = Client(server.url, DEPLOYMENT, signature, books)
        try:
            self._weeks(traffic, client)
        finally:
            client.close()

    def _weeks(self, traffic: Iterable[Batch], client: Client) -> None:
        done = self._evaluated()
        unlabelled: deque[Batch] = deque()
        for number, part in groupby(traffic, key=_week_of):
            ends = min(START + (number + 1) * WEEK, self._end)
            if ends in done:
                unlabelled.extend(part)
                self._drop_labelled(unlabelled, ends)
                continue
            self._wait_for_server(client)
            with self._display.counted("traffic: predictions and labels over HTTP"):
                self._week(part, client, unlabelled, ends)
            with self._display.counted("monitors: counting and judging"):
                watch(self.workspace, AUTOMATION, DEPLOYMENT, ends)
            self._end_week(ends)
            self._display.advance(number + 1, f"{ends:%d %B}, {len(client.answers):,} requests")
        self._send_last_labels(client, unlabelled)

    def _week(
        self, part: Iterable[Batch], client: Client, unlabelled: deque[Batch], ends: datetime
    ) -> None:
        for _day, hours in groupby(part, key=lambda batch: batch.at.date()):
            day = list(hours)
            client.predict(day)
            unlabelled.extend(day)
            self._send_labels(client, unlabelled, day[0].at)
        self._send_labels(client, unlabelled, ends)
        client.settle()

    def _send_labels(self, client: Client, unlabelled: deque[Batch], now: datetime) -> None:
        known = []
        while unlabelled and unlabelled[0].known_at <= now:
            known.append(unlabelled.popleft())
        if known:
            client.label(known, now)

    def _drop_labelled(self, unlabelled: deque[Batch], now: datetime) -> None:
        while unlabelled and unlabelled[0].known_at <= now:
            unlabelled.popleft()

    def _end_week(self, at: datetime) -> None:
        """What the monitors found has consequences; people do their part."""
        self._automation.retry_open_alerts(at)
        self._land_for_training(at)
        with self._display.counted("automation: retraining, gates, releases"):
            self._automation.pump(at)
            self._answer_questions(at)
            self._end_held_canary(at)
        self._drill(at)

    def _land_for_training(self, at: datetime) -> None:
        """Who is about to train finds all that is known by then in the warehouse."""
        self._automation.react(at)
        waiting = self.workspace.improvements.unfinished(AUTOMATION)
        if any(p.state in ("proposed", "training") and not p.candidate for p in waiting):
            with self._display.counted("data: landing and snapshots"):
                self._warehouse.land(at)

    def _end_held_canary(self, at: datetime) -> None:
        """Where the evidence does not decide, cleo does: no proof of no harm, no promotion."""
        for release in self.workspace.releases.of_deployment(self._cleo, DEPLOYMENT):
            if release.state == "canary" and release.why.startswith("held"):
                why = "no proof in the agreed time that it does no harm"
                self.workspace.releases.roll_back(self._cleo, DEPLOYMENT, at, why)
                self._display.remark(f"cleo ended the canary of {release.model_ref}: {why}")
                self._automation.pump(at)

    def _drill(self, at: datetime) -> None:
        """Once, after the first retrained model went live, cleo rolls it back and on again."""
        releases = self.workspace.releases.of_deployment(self._cleo, DEPLOYMENT)
        live = next((r for r in releases if r.state == "live"), None)
        if live is None or live.number == 1 or any(r.why.startswith("drill") for r in releases):
            return
        started = time.perf_counter()
        back = self.workspace.releases.roll_back(
            self._cleo, DEPLOYMENT, at, "drill: can we go back in one command?"
        )
        milliseconds = (time.perf_counter() - started) * 1000
        self._display.remark(
            f"cleo rolled back {live.model_ref} to {back.model_ref}: {milliseconds:.0f} ms"
        )
        self.workspace.gates.judge(self._cleo_judge(), live.model, str(live.version))
        self.workspace.releases.request(
            self._cleo,
            DEPLOYMENT,
            live.model,
            str(live.version),
            strategy="all-at-once",
            why="the drill is over",
        )
        self._answer_questions(at)

    def _cleo_judge(self) -> Actor:
        return self._ana  # operators may not judge; ana does

    def _wait_for_server(self, client: Client) -> None:
        """Traffic goes on when the server serves what the releases say."""
        route = self.workspace.releases.routes(self._ana)[DEPLOYMENT]
        wanted = {arm.model_ref.partition("@")[2] for arm in route.arms}
        deadline = time.monotonic() + _FOLLOWS_WITHIN_S
        while client.versions() != wanted:
            if time.monotonic() > deadline:
                raise BackendError(
                    "server-behind",
                    f"The prediction server does not serve {MODEL} version {', '.join(wanted)}.",
                    hint=f"tail '{self.workspace.settings.home / 'server.log'}'",
                )
            time.sleep(0.02)

    def _send_last_labels(self, client: Client, unlabelled: deque[Batch]) -> None:
        """The year is over; the labels of its last days still come."""
        if unlabelled:
            client.label(unlabelled, self._end + timedelta(days=3))
            client.settle()
        at = self._last_look
        watch(self.workspace, AUTOMATION, DEPLOYMENT, at)
        self._land_for_training(at)
        self._automation.pump(at)
        self._display.remark(f"the last {plural(len(unlabelled), 'request')} got their labels")

    def _count_weeks(self) -> int:
        return -((START - self._end) // WEEK)

    def _evaluated(self) -> set[datetime]:
        return {e.as_of for e in self.workspace.monitors.evaluations(AUTOMATION, DEPLOYMENT)}


def _week_of(batch: Batch) -> int:
    return (batch.at - START) // WEEK
