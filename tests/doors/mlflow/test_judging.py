"""A version that a client registered is judged on rows that somebody names, and may be champion."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from trueup.app.cards.gathering import gather
from trueup.app.wiring import Workspace
from trueup.doors.cli.serve import show_places
from trueup.foundation import clock, toml
from trueup.foundation.errors import DeniedError, GateFailedError, UsageError, UserCodeError
from trueup.lifecycle.gates.ground import GivenRows
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.serving.following.registry import Registry

from .conftest import Client
from .test_quarantine import registered

PLAN = """\
[project]
name = "tracked"
objective = "Show what is tracked"

[process]
template = "solo"

[[goals]]
id = "ranked"
claim = "Late rows score higher"
metric = "roc_auc"
gate = { at_least = 0.7, min_rows = 100 }
watch = { window = "7d" }
on_breach = ["alert"]

[deployments.desk]
model = "trees"
strategy = "all-at-once"
"""
SIGNATURE = b"""\
signature:
  inputs: '[{"type": "double", "name": "a", "required": true},
    {"type": "long", "name": "b", "required": true}]'
"""


def sample(rows: int = 600, seed: int = 2) -> pl.DataFrame:
    """Rows whose label follows `a`."""
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    late = random.random(rows) < 1 / (1 + np.exp(-2 * a))
    return pl.DataFrame({"a": a, "b": random.integers(-3, 4, rows), "late": late.astype(int)})


def model(weight: float = 2.0) -> LogisticRegression:
    """A model that follows `a`."""
    fitted = LogisticRegression().fit(pl.DataFrame({"a": [0.0, 1.0], "b": [1, 0]}), [0, 1])
    fitted.coef_, fitted.intercept_ = np.array([[weight, 0.0]]), np.zeros(1)
    return fitted


@pytest.fixture
def adopted(workspace: Workspace) -> Workspace:
    """A plan with a goal is in force."""
    workspace.plans.adopt(workspace.owner, toml.parse(PLAN, "trueup.toml", Plan))
    return workspace


@pytest.fixture
def foreign(client: Client, adopted: Workspace) -> Workspace:
    """`trees@1` was registered by a client, as skops and with a signature."""
    registered(client, adopted, model__skops=skops.io.dumps(model()), MLmodel=SIGNATURE)
    return adopted


def judge(workspace: Workspace, rows: pl.DataFrame | None = None, **more: Any) -> Verdict:
    given = GivenRows(sample() if rows is None else rows, "data:late@1", **more)
    return workspace.gates.judge(workspace.owner, "trees", "", given)


def crown(client: Client, version: str = "1") -> Any:
    body = {"name": "trees", "alias": "champion", "version": version}
    return client.ask("POST", "registered-models/alias", json=body)


def test_it_becomes_champion_by_the_clients_own_call_once_it_has_passed(
    client: Client, foreign: Workspace
) -> None:
    refused = crown(client)
    assert refused.status_code == 403
    assert "trueup check trees@1 --data data:NAME@VERSION" in refused.json()["message"]
    verdict = judge(foreign)
    assert verdict.passed
    assert crown(client).status_code == 200
    assert foreign.models.aliases(foreign.owner, "trees") == {"champion": 1}


def test_the_verdict_names_its_rows_and_says_that_what_was_learned_is_not_known(
    foreign: Workspace,
) -> None:
    said = judge(foreign).statement
    assert (said.rows, said.label, said.trained_on) == ("data:late@1", "late", "")
    assert pl.read_parquet(io.BytesIO(foreign.state.blobs.get(said.data))).equals(sample())
    assert {r.check: r.outcome for r in said.results} == {
        "answers": "passed",
        "leakage": "passed",
        "limit": "passed",
    }
    (leakage,) = [r for r in said.results if r.check == "leakage"]
    assert "which rows a model learned from is not known here" in leakage.words


def test_rows_it_learned_from_are_found_among_those_it_is_judged_on(foreign: Workspace) -> None:
    apart = judge(foreign, trained_on=sample(300, seed=5))
    assert apart.passed
    leaked = judge(foreign, trained_on=sample().head(300))
    assert [r.check for r in leaked.statement.results if r.outcome == "failed"] == ["leakage"]


def test_it_is_judged_again_on_the_same_rows_when_nobody_names_others(foreign: Workspace) -> None:
    with pytest.raises(GateFailedError) as caught:
        foreign.gates.judge(foreign.owner, "trees")
    assert (caught.value.code, "--data" in caught.value.hint) == ("version-foreign", True)
    first = judge(foreign)
    assert foreign.gates.judge(foreign.owner, "trees") == first
    stricter = PLAN.replace("at_least = 0.7", "at_least = 0.99")
    foreign.plans.adopt(foreign.owner, toml.parse(stricter, "trueup.toml", Plan))
    again = foreign.gates.judge(foreign.owner, "trees")
    assert (again.passed, again.statement.data) == (False, first.statement.data)


def test_the_rows_that_were_named_last_count(client: Client, foreign: Workspace) -> None:
    assert judge(foreign).passed
    turned = sample().with_columns(late=1 - pl.col("late"))
    assert not judge(foreign, turned).passed
    assert crown(client).status_code == 403
    assert judge(foreign).passed, "the first rows are named again"
    assert crown(client).status_code == 200


def test_a_better_one_has_to_beat_a_champion_of_a_client(
    client: Client, foreign: Workspace
) -> None:
    beats = PLAN.replace("min_rows = 100", 'min_rows = 100, beats = "champion"')
    foreign.plans.adopt(foreign.owner, toml.parse(beats, "trueup.toml", Plan))
    judge(foreign)
    assert crown(client).status_code == 200
    registered(client, foreign, model__skops=skops.io.dumps(model(-2.0)), MLmodel=SIGNATURE)
    outcomes = {r.check: r.outcome for r in judge(foreign).statement.results}
    assert (outcomes["limit"], outcomes["champion"]) == ("failed", "failed")


def test_it_is_released_and_answers(foreign: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    judge(foreign)
    release = foreign.releases.request(foreign.owner, "desk", "trees", "1", why="it passed")
    foreign.releases.start(foreign.owner, "desk", release.number, clock.now())
    loaded = Registry(foreign.state).load("trees@1", release.number)
    rows = sample().drop("late")
    assert np.array_equal(loaded.predictor(rows), model().predict_proba(rows)[:, 1])
    routes = foreign.releases.routes(foreign.owner)
    assert [arm.model_ref for arm in routes["desk"].arms] == ["trees@1"]
    show_places(foreign, "http://127.0.0.1")
    assert '"name":"a"' in capsys.readouterr().err, "a request to paste has one of the rows"


def test_what_it_is_watched_by_is_what_it_passed_on(foreign: Workspace) -> None:
    judge(foreign)
    reference = foreign._reference_of("trees@1")
    assert (reference.rows, sorted(reference.columns)) == (600, ["a", "b", "score"])


def test_its_card_has_the_figures_of_these_rows(foreign: Workspace) -> None:
    judge(foreign)
    card = gather(foreign, foreign.owner, "trees", "1")
    assert (card.judged_on, card.label) == ("data:late@1", "late")
    assert [(f.metric, f.rows) for f in card.figures] == [("roc_auc", 600)]


@pytest.mark.parametrize(
    ("rows", "more", "code", "words"),
    [
        (sample().drop("b"), {}, "rows-unfit", "data:late@1 lacks b"),
        (sample().with_columns(b=pl.lit("x")), {}, "rows-unfit", "column 'b' holds String"),
        (sample().drop("late"), {}, "label-missing", "every column is an input"),
        (sample().with_columns(c=1), {}, "label-missing", "late and c are no inputs"),
        (sample(), {"label": "lat"}, "label-missing", "no column 'lat'"),
    ],
    ids=["absent", "kind", "no label", "two labels", "wrong label"],
)
def test_rows_that_do_not_fit_are_refused(
    foreign: Workspace, rows: pl.DataFrame, more: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        judge(foreign, rows, **more)
    assert caught.value.code == code
    assert foreign.gates.of_model(foreign.owner, "trees@1") == []


def test_a_model_that_cannot_answer_gets_no_verdict(client: Client, adopted: Workspace) -> None:
    of_one = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    registered(client, adopted, model__skops=skops.io.dumps(of_one), MLmodel=SIGNATURE)
    with pytest.raises(UserCodeError, match="trees@1 cannot answer the rows of data:late@1"):
        judge(adopted)


def test_a_model_fitted_on_a_matrix_takes_columns_by_their_place(
    client: Client, adopted: Workspace
) -> None:
    rows = sample(200, seed=9)
    nameless = LogisticRegression().fit(rows.select("a", "b").to_numpy(), rows["late"].to_numpy())
    registered(client, adopted, model__skops=skops.io.dumps(nameless), MLmodel=SIGNATURE)
    assert judge(adopted).passed


def test_a_quarantined_one_is_refused_by_name_with_the_cure(
    client: Client, adopted: Workspace
) -> None:
    registered(client, adopted, model__pkl=pickle.dumps(model()), MLmodel=SIGNATURE)
    with pytest.raises(DeniedError, match=r"trees@1 is quarantined: 'model.pkl' .* skops, ONNX"):
        judge(adopted)
    message = crown(client).json()["message"]
    assert "'model.pkl' is a pickle" in message and "trueup explain model-quarantined" in message


def test_one_whose_files_are_elsewhere_is_refused(client: Client, adopted: Workspace) -> None:
    client.post("registered-models/create", name="trees")
    client.post("model-versions/create", name="trees", source="s3://bucket/model")
    with pytest.raises(GateFailedError, match="at s3://bucket/model, where this server does not"):
        judge(adopted)
    assert "s3://bucket/model" in crown(client).json()["message"]


def test_one_without_a_model_file_is_refused(client: Client, adopted: Workspace) -> None:
    registered(client, adopted, weights=b"\x00\x01", MLmodel=SIGNATURE)
    with pytest.raises(GateFailedError) as caught:
        judge(adopted)
    assert caught.value.code == "model-not-loadable"


def test_one_without_a_signature_is_refused(client: Client, adopted: Workspace) -> None:
    registered(client, adopted, model__skops=skops.io.dumps(model()))
    with pytest.raises(GateFailedError) as caught:
        judge(adopted)
    assert caught.value.code == "model-without-signature"
    assert "has no signature" in crown(client).json()["message"]


def test_a_version_of_a_pipeline_is_judged_on_its_own_rows(clinic: Workspace) -> None:
    given = GivenRows(sample(), "data:friendly@1")
    with pytest.raises(UsageError, match="its pipeline set aside") as caught:
        clinic.gates.judge(clinic.owner, "lumps", "3", given)
    assert caught.value.code == "version-has-holdout"


def test_rows_come_from_a_dataset_or_a_file_of_the_project(foreign: Workspace) -> None:
    from trueup.doors.cli.terminal.sources import rows

    (foreign.root / "data").mkdir()
    sample().write_parquet(foreign.root / "data" / "late.parquet")
    foreign.datasets.add(foreign.owner, "data/late.parquet", foreign.root, "late")
    of_version = rows(foreign, foreign.owner, "data:late@1")
    of_file = rows(foreign, foreign.owner, str(foreign.root / "data" / "late.parquet"))
    assert (of_version[1], of_file[1]) == ("data:late@1", "data/late.parquet")
    assert of_version[0].equals(sample()) and of_file[0].equals(sample())
    (foreign.root / "notes.txt").write_text("none")
    with pytest.raises(UsageError, match=r"no .parquet or .csv file"):
        rows(foreign, foreign.owner, str(foreign.root / "notes.txt"))
    outside = Path(foreign.root).parent / "elsewhere.parquet"
    sample().write_parquet(outside)
    with pytest.raises(UsageError) as caught:
        rows(foreign, foreign.owner, str(outside))
    assert caught.value.code == "dataset-outside"
