"""A version is trained again from its record, with something changed, and its tests are run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import polars as pl
import pytest

from trueup.app.rebuilding.versions import Rebuilding, VersionRebuild
from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.lifecycle.gates.checks import feature_value, reproduction, stability, staleness, tests
from trueup.lifecycle.gates.evidence import Evidence, gather
from trueup.lifecycle.gates.ground import of_pipeline
from trueup.lifecycle.gates.rebuilding import Change, NotHereError
from trueup.lifecycle.models.leave import NEVER
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.plan import service as plans
from trueup.lifecycle.plan.demands import (
    CodeTests,
    FeatureValue,
    Reproduction,
    Stability,
    Staleness,
)
from trueup.lifecycle.runs.records import RunOptions

PLAN = """\
[project]
name = "small"
objective = "Try things"

[datasets.rows]
path = "rows.csv"
"""

PIPELINE = """\
import polars as pl
from sklearn.linear_model import SGDClassifier
from trueup import candidate, data, pipeline, step

@step
def split(rows: pl.DataFrame, holdout: int) -> dict[str, pl.DataFrame]:
    rows = rows.drop("day")
    return {"train": rows.head(-holdout), "holdout": rows.tail(holdout)}

@step
def fit(rows: pl.DataFrame, seed: int = 1) -> SGDClassifier:
    model = SGDClassifier(loss="log_loss", max_iter=20, tol=None, random_state=seed)
    return model.fit(rows.drop("late"), rows["late"].to_numpy())

@pipeline(model="small")
def small(holdout: int = 200):
    parts = split(data("rows"), holdout)
    return candidate(
        fit(parts["train"]), trained_on=parts["train"], holdout=parts["holdout"], label="late"
    )
"""

TESTS = """\
import pytest
from pipelines.small import split

def test_good(): assert split.function
def test_bad(): assert "state" == "wrong"
@pytest.mark.skip(reason="later")
def test_later(): pass
"""

pytestmark = pytest.mark.slow


def rows() -> pl.DataFrame:
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, 800))
    days = pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 4, 10), eager=True)
    late = random.random(800) < 1 / (1 + np.exp(-3 * a))
    return pl.DataFrame(
        {"day": days.gather(np.arange(800) // 8), "a": a, "b": b, "late": late.astype(int)}
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, ModelVersion]]:
    root = tmp_path_factory.mktemp("small")
    rows().write_csv(root / "rows.csv")
    files = {"trueup.toml": PLAN, "pipelines/small.py": PIPELINE, "tests/test_small.py": TESTS}
    for name, text in (files | {".gitignore": ".trueup\nrows.csv\n__pycache__\n"}).items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    person = ("-c", "user.name=Kim", "-c", "user.email=kim@example.org")
    for line in (("init", "-q"), ("add", "-A"), (*person, "commit", "-qm", "Begin")):
        subprocess.run(["git", *line], cwd=root, check=True)
    with open_workspace(root) as workspace:
        actor = workspace.owner
        workspace.plans.adopt(actor, plans.read(root))
        workspace.datasets.add(actor, "rows.csv", root, "rows")
        done = train(workspace, actor, "small", {}, options=RunOptions(engine="inprocess://"))
        assert done.version is not None
        yield workspace, done.version


def rebuilt(workspace: Workspace, version: ModelVersion) -> VersionRebuild:
    rebuilding = Rebuilding(workspace.state, workspace.root, workspace.settings.home)
    return rebuilding.of(workspace.owner, version, NEVER)


@pytest.fixture(scope="module")
def rebuild(made: tuple[Workspace, ModelVersion]) -> VersionRebuild:
    workspace, version = made
    return rebuilt(workspace, version)


@pytest.fixture(scope="module")
def evidence(made: tuple[Workspace, ModelVersion], rebuild: VersionRebuild) -> Evidence:
    workspace, version = made
    found = gather(workspace.state.blobs, version, of_pipeline(version), None, rebuild=rebuild)
    everything = [Change(whole=True), *(Change(arguments={"seed": n}) for n in (1, 2, 3))]
    everything += [Change(column="day", age=20 * 86400.0 * n) for n in (1, 2)]
    assert found.trained_on is not None
    for name in ("a", "b"):
        everything.append(Change(blank=name, value=found.trained_on[name].median()))
    rebuild.train(everything)  # at once: a process for each would take long
    return found


def test_the_whole_of_it_comes_out_again(evidence: Evidence) -> None:
    found = reproduction.check(Reproduction(), evidence)
    assert (found.outcome, found.words) == (
        "passed",
        "trained again with every step it is the same file, bit for bit",
    )


def test_seeds_make_other_models_and_are_not_trained_twice(
    evidence: Evidence, rebuild: VersionRebuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand = Stability(metric="roc_auc", spread=0.5, seeds=3)
    found = stability.check(demand, evidence)
    assert found.outcome == "passed", found.words
    assert len({part.value for part in found.parts}) > 1
    monkeypatch.setattr("subprocess.run", None)  # nothing is left to run
    assert stability.check(demand, evidence) == found


def test_what_cannot_be_changed_is_said_with_what_can(rebuild: VersionRebuild) -> None:
    unknown, absent, old = rebuild.train(
        [
            Change(arguments={"sed": 1}),
            Change(column="dya", age=1.0),
            Change(column="day", age=1e9),
        ]
    )
    assert unknown.trouble == "step 'fit' takes no argument 'sed'; it takes rows and seed"
    assert "no dataset has the column 'dya'; they have a, b, day and late" in absent.trouble
    assert "no row is older than" in old.trouble


def test_older_rows_and_their_column(evidence: Evidence) -> None:
    demand = Staleness(metric="roc_auc", column="day", loss=0.2, every="20d", times=2)
    found = staleness.check(demand, evidence)
    assert found.outcome == "passed", found.words
    assert [part.name for part in found.parts] == [*("as it is", "1 x 20d older", "2 x 20d older")]


def test_what_an_input_gains(evidence: Evidence) -> None:
    found = feature_value.check(FeatureValue(metric="roc_auc", gain=0.05), evidence)
    gains = {part.name: part.value or 0.0 for part in found.parts}
    assert gains["a"] > 0.2 > 0.05 > abs(gains["b"])
    assert {p.name for p in found.parts if p.outcome == "failed"} == {"b"}


def test_the_tests_of_the_project_are_run_at_its_commit(
    evidence: Evidence, made: tuple[Workspace, ModelVersion]
) -> None:
    (made[0].root / "tests" / "test_small.py").write_text("def test_good(): pass\n")
    found = tests.check(CodeTests(), evidence)
    assert found.outcome == "failed"  # what was changed since does not count
    assert {part.name: part.outcome for part in found.parts} == {
        "tests.test_small.test_bad": "failed",
        "tests.test_small.test_good": "passed",
        "tests.test_small.test_later": "not-applicable",
    }
    wrong = tests.check(CodeTests(paths=("missing",)), evidence)
    assert (wrong.outcome, wrong.words.startswith("missing is not in commit")) == ("error", True)


def test_a_version_without_a_record_of_its_code_cannot_be_made_again(
    made: tuple[Workspace, ModelVersion],
) -> None:
    workspace, version = made
    manifest = msgspec.structs.replace(version.manifest, source="")
    lost = msgspec.structs.replace(version, manifest=manifest, digest="b3:other")
    with pytest.raises(NotHereError, match="kept no record of its code"):
        rebuilt(workspace, lost).train([Change()])


def test_where_it_cannot_be_made_again_the_checks_do_not_apply(evidence: Evidence) -> None:
    alone = replace(evidence, rebuild=None)
    for check, demand in (
        (stability.check, Stability(metric="roc_auc", spread=0.1)),
        (staleness.check, Staleness(metric="roc_auc", column="day", loss=0.1)),
        (feature_value.check, FeatureValue(metric="roc_auc")),
        (reproduction.check, Reproduction()),
        (tests.check, CodeTests()),
    ):
        found = check(demand, alone)  # type: ignore[operator]
        assert (found.outcome, "not known here" in found.words) == ("not-applicable", True)
