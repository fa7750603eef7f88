"""A real project that lived through everything once: what the web and API doors show."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trueup.app import starting
from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.actor import Actor, service
from trueup.lifecycle.models.service import load_file
from trueup.lifecycle.plan.service import read as read_plan
from trueup.lifecycle.runs.records import RunOptions
from trueup.lifecycle.serving.records import Labels, Predictions

# The traffic of the clinic, in its own time: one request a day, every answer labelled a day later.
DAY_ONE = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = 45
HERE = RunOptions(engine="inprocess://")  # for runs of which only the results matter
WRONG_FROM = 15  # from this day on the labels are turned round: the model is useless


@pytest.fixture(scope="session")
def _clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("doors") / "clinic"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        config = root.parent / "gitconfig"
        config.write_text("[user]\nname = Olga\nemail = olga@example.org\n")
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        starting.start(root)
        with open_workspace(root) as workspace:
            _live(workspace, workspace.owner)
    return root


@pytest.fixture
def clinic(_clinic: Path, tmp_path: Path) -> Iterator[Workspace]:
    """The project: version 1 live and harmful, 2 refused, 3 waiting for an approval."""
    with open_workspace(Path(shutil.copytree(_clinic, tmp_path / "clinic"))) as workspace:
        yield workspace


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Workspace]:
    """A project in which nothing has happened yet."""
    root = tmp_path / "empty"
    root.mkdir()
    (root / "trueup.toml").write_text('[project]\nname = "empty"\nobjective = "Nothing yet"\n')
    with open_workspace(root) as workspace:
        yield workspace


def _live(workspace: Workspace, owner: Actor) -> None:
    plan = read_plan(workspace.root)
    workspace.plans.adopt(owner, plan)
    first = train(workspace, owner, "example", {}, options=HERE).version
    assert first is not None
    workspace.gates.judge(owner, "lumps", "1")
    release = workspace.releases.request(owner, "clinic", "lumps", "1", why="the first one")
    workspace.people.decide(Actor(name="rita"), release.approval, True, "I read the verdict")
    workspace.releases.start(owner, "clinic", 1, DAY_ONE)
    _answer(workspace, first.manifest.file)
    for day in (8, 15, 22, 29, 36, 43):
        at = DAY_ONE + day * DAY
        workspace.monitors.evaluate(service("automation"), "clinic", at)
    for strength in (0.00001, 0.5):  # the first of them learns nothing and is refused
        version = train(workspace, owner, "example", {"strength": strength}, options=HERE).version
        assert version is not None
        workspace.gates.judge(owner, "lumps", str(version.version))
    workspace.releases.request(owner, "clinic", "lumps", "3", why="harm was shown")


def _answer(workspace: Workspace, file: str) -> None:
    rows = workspace.datasets.load(
        workspace.owner, workspace.datasets.show(workspace.owner, "lumps")
    )
    inputs = rows.drop("malignant")
    scores = load_file(workspace.state.blobs, "skops", file)(
        inputs.select(pl.all().cast(pl.Float64))
    )[:, 1]
    records: list[Predictions | Labels] = []
    for day in range(DAYS):
        chosen = [(day * 37 + i) % rows.height for i in range(60)]
        at = DAY_ONE + day * DAY
        request = f"{day:032x}"
        picked = inputs[chosen]
        truth = [float(v) for v in rows["malignant"].gather(chosen)]
        if day >= WRONG_FROM:
            truth = [1 - v for v in truth]
        records.append(
            Predictions(
                deployment="clinic",
                received_at=at,
                request=request,
                key="",
                at=at,
                release=1,
                model_ref="lumps@1",
                rows=list(range(len(chosen))),
                entities=[],
                inputs={name: picked[name].to_list() for name in picked.columns},
                scores=[float(scores[i]) for i in chosen],
                seconds=0.002,
            )
        )
        ids = [f"{request}-{i}" for i in range(len(chosen))]
        known = at + DAY
        records.append(
            Labels(deployment="clinic", received_at=known, predictions=ids, labels=truth, at=known)
        )
    workspace.monitors.ingest(service("automation"), records, None, {"end": 1})
