"""A tiny project under Git that lived up to its first breach: version 1 is live, the world turned.

`desk` is that moment. The files hold newer rows already, from which a retraining learns.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trueup.app.automation import watching
from trueup.app.automation.reacting import ACTOR, Automation
from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.actor import Actor
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.models.service import load_predictor
from trueup.lifecycle.monitoring.records import Evaluation
from trueup.lifecycle.plan.records import AdoptedPlan
from trueup.lifecycle.plan.service import read as read_plan
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.runs.records import RunOptions
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Labels, Predictions
from trueup.state import eventlog
from trueup.state.eventlog import Event

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
BREACH = START + 9 * DAY
HERE = RunOptions(engine="inprocess://")  # for runs of which only the results matter

PLAN = """\
[project]
name = "small"
objective = "Try things"

[team]
sam = ["scientist"]
rita = ["reviewer"]

[[goals]]
id = "ranked"
claim = "Late rows score higher"
metric = "roc_auc"
gate = { at_least = 0.6, beats = "champion", min_rows = 100 }
watch = { window = "7d", labels_within = "1d", min_rows = 100 }
on_breach = ["alert", "retrain"]

[[goals]]
id = "honest"
claim = "Scores are chances"
metric = "brier"
gate = { at_most = 0.3, min_rows = 100 }
watch = { window = "7d", labels_within = "1d", min_rows = 100 }

[[milestones]]
id = "out"
due = 2027-01-15
done_when = ["ranked.gate", "released:desk"]

[[milestones]]
id = "good"
due = 2027-01-15
done_when = ["honest.gate", "ranked.watch"]

[process]
template = "team"

[datasets.rows]
path = "data/rows.csv"

[deployments.desk]
model = "small"
canary = { weight = 0.5, lasts = "7d" }
guard = [{ metric = "errors", required = false }]
monitor_every = "1d"
"""

PIPELINE = """\
import polars as pl
from sklearn.linear_model import LogisticRegression

from trueup import candidate, data, pipeline, step


@step
def split(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"holdout": rows.tail(400), "train": rows.head(400)}


@step
def fit(rows: pl.DataFrame, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength).fit(rows.select("a", "b"), rows["late"])


@pipeline(model="small")
def training(strength: float = 1.0):
    parts = split(data("rows"))
    model = fit(parts["train"], strength)
    return candidate(model, trained_on=parts["train"], holdout=parts["holdout"], label="late")
"""


def world(rows: int, seed: int, turned: bool) -> pl.DataFrame:
    """Rows as the world makes them; once it has turned, the old model is wrong."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, rows))
    chance = 1 / (1 + np.exp((2 if turned else -2) * a))
    return pl.DataFrame({"a": a, "b": b, "late": (random.random(rows) < chance).astype(int)})


def truth(request: str, at: datetime, labels: pl.Series) -> Labels:
    """What really happened, half a day later."""
    return Labels(
        deployment="desk",
        received_at=at + DAY / 2,
        predictions=[f"{request}-{row}" for row in range(labels.len())],
        labels=[float(label) for label in labels],
        at=at + DAY / 2,
    )


def git(root: Path, *arguments: str) -> None:
    """Run Git in the project."""
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


@dataclass
class Desk:
    """A project and its automation, and short cuts to what tests do often."""

    workspace: Workspace
    told: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.workspace.root

    def commit(self, **files: str) -> None:
        """Change files (`plan`, `rows`, `pipeline`) and commit them."""
        places = {
            "plan": "trueup.toml",
            "rows": "data/rows.csv",
            "pipeline": "pipelines/training.py",
        }
        for name, text in files.items():
            (self.root / places[name]).write_text(text)
        git(self.root, "add", ".")
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", "change")

    def adopt(self, *changes: tuple[str, str]) -> AdoptedPlan:
        """Write the plan with parts of it replaced, commit it, put it in force."""
        text = PLAN
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        self.commit(plan=text)
        return self.workspace.plans.adopt(self.workspace.owner, read_plan(self.root))

    def pump(self, at: datetime = BREACH) -> None:
        """Let a new automation react, as after a restart."""
        Automation(self.workspace, self.told.append, options=HERE).pump(at)

    def decide(self, *, yes: bool = True, reason: str = "I read the verdict") -> None:
        """Rita answers the one open question."""
        (approval,) = self.workspace.people.open_approvals(self.workspace.owner)
        self.workspace.people.decide(Actor(name="rita"), approval.id, yes, reason)

    def judge(self, version: int) -> Verdict:
        return self.workspace.gates.judge(ACTOR, "small", str(version))

    def answer(
        self, release: int, days: Sequence[int], rows: int = 60, turned: bool = True
    ) -> None:
        """Let a release answer some rows a day, through the journal, labels a day later."""
        served = self.release(release)
        manifest = self.workspace.models.show(ACTOR, "small", str(served.version)).manifest
        predict = load_predictor(self.workspace.state.blobs, manifest)
        journal = Journal(self.workspace.settings.journal)
        (route,) = self.workspace.releases.routes(ACTOR).values()
        weights = {arm.release: arm.weight for arm in route.arms}
        for day in days:
            asked = world(rows, 1000 * release + day, turned)
            inputs = asked.select("a", "b")
            at, request = START + day * DAY, f"{release:016x}{day:016x}"
            answered = Predictions(
                deployment="desk",
                received_at=at,
                request=request,
                key="",
                at=at,
                release=release,
                model_ref=served.model_ref,
                rows=list(range(rows)),
                entities=[f"{release}.{day}.{row}" for row in range(rows)],
                inputs=inputs.to_dict(as_series=False),
                scores=predict(inputs).tolist(),
                seconds=0.002,
                weights=weights if len(weights) > 1 else {},
            )
            journal.write([answered])
            journal.write([truth(request, at, asked["late"])])
        journal.close()

    def label(self, release: int, day: int) -> None:
        """Correct the label of one row."""
        journal = Journal(self.workspace.settings.journal)
        at = START + (day + 1) * DAY
        journal.write([truth(f"{release:016x}{day:016x}", at, pl.Series([1]))])
        journal.close()

    def watch(self, at: datetime) -> Evaluation:
        """Count and evaluate, as the scheduler does."""
        return watching.watch(self.workspace, ACTOR, "desk", at)

    def release(self, number: int) -> Release:
        found = self.workspace.releases.of_deployment(ACTOR, "desk")
        return next(release for release in found if release.number == number)

    def states(self) -> list[str]:
        """The states of all releases, in order."""
        found = self.workspace.releases.of_deployment(ACTOR, "desk")
        return [release.state for release in reversed(found)]

    def proposal(self) -> Proposal:
        """The one proposal there is."""
        (proposal,) = self.workspace.improvements.of_deployment(ACTOR, "desk")
        return proposal

    def versions(self) -> int:
        return len(self.workspace.models.versions(ACTOR, "small"))

    def events(self, *types: str) -> list[Event]:
        """All events of these types, oldest first."""
        with self.workspace.state.read(ACTOR) as connection:
            return eventlog.since(connection, 0, types, 1000)


@pytest.fixture(scope="session")
def _git_knows_who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text("[user]\nname = Olga\nemail = olga@example.org\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
        yield


@pytest.fixture(scope="session")
def _breached(_git_knows_who: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("app") / "small"
    for folder in ("data", "pipelines"):
        (root / folder).mkdir(parents=True)
    (root / ".gitignore").write_text(".trueup/\n__pycache__/\n")
    (root / "trueup.toml").write_text(PLAN)
    git(root, "init", "--quiet")
    with open_workspace(root) as workspace:
        desk = Desk(workspace)
        desk.commit(rows=world(800, 1, turned=False).write_csv(), pipeline=PIPELINE)
        desk.adopt()
        train(workspace, workspace.owner, "training", {}, options=HERE)
        desk.judge(1)
        workspace.releases.request(Actor(name="sam"), "desk", "small", "1", why="the first one")
        desk.decide()
        desk.pump(START)
        assert desk.states() == ["live"]
        desk.answer(1, range(9))
        desk.watch(BREACH)
        desk.commit(rows=world(800, 2, turned=True).write_csv())
    return root


@pytest.fixture
def desk(_breached: Path, tmp_path: Path) -> Iterator[Desk]:
    """Version 1 is live and proven harmful; nobody has reacted yet."""
    with open_workspace(Path(shutil.copytree(_breached, tmp_path / "small"))) as workspace:
        yield Desk(workspace)


@pytest.fixture(scope="session")
def _asked(_breached: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(shutil.copytree(_breached, tmp_path_factory.mktemp("asked") / "small"))
    with open_workspace(root) as workspace:
        Desk(workspace).pump()
    return root


@pytest.fixture
def asked(_asked: Path, tmp_path: Path) -> Iterator[Desk]:
    """Automation has trained version 2 and asked for its release."""
    with open_workspace(Path(shutil.copytree(_asked, tmp_path / "small"))) as workspace:
        yield Desk(workspace)


@pytest.fixture
def reopened(desk: Desk) -> Iterator[Callable[[], Desk]]:
    """Opens the same project as another process would."""
    opened: list[Workspace] = []

    def another() -> Desk:
        opened.append(open_workspace(desk.root))
        return Desk(opened[-1])

    yield another
    for workspace in opened:
        workspace.close()
