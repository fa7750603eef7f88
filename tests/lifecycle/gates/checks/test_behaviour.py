"""Tests of behaviour hold, or name what the model did instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.gates.checks import behaviour
from trueup.lifecycle.plan import service
from trueup.lifecycle.plan.demands import Behaviour
from trueup.lifecycle.plan.rules import plan_digest
from trueup.lifecycle.plan.trials import Direction, Invariance, Minimum, Rows

from .flights import evidence, flights, law

GOOD = evidence(flights(1500, 1), trained_on=flights(1500, 2))
STORM: Rows = ({"carrier": "AA", "distance": 500, "wind": 3.0, "seats": 100},)
CARRIER = Invariance(name="no carrier is late by name", columns=("carrier",))
WIND = Direction(name="wind never helps", column="wind", by=1.0)
GALE = Minimum(name="a storm is late", rows=STORM, at_least=0.9)


def of_carriers(rows: pl.DataFrame) -> np.ndarray:
    """A model with a prejudice."""
    return np.clip(law(rows) + 0.05 * (rows["carrier"] == "B6").fill_null(False).to_numpy(), 0, 1)


def test_a_model_that_behaves_passes() -> None:
    found = behaviour.check(Behaviour(tests=(CARRIER, WIND, GALE)), GOOD)
    assert found.outcome == "passed"
    assert [part.value for part in found.parts] == [1.0, 1.0, 1.0]
    assert found.words.startswith("all of 3 tests hold; least often no carrier is late by name:")


def test_what_should_change_nothing_and_does_fails() -> None:
    found = behaviour.check(Behaviour(tests=(CARRIER, WIND)), evidence(flights(1500), of_carriers))
    assert found.outcome == "failed"
    assert found.words.startswith("no carrier is late by name: it holds on ")
    assert found.value is not None
    assert found.value < 0.55  # of the rows whose carrier did change: every second one


def test_what_must_never_fall_and_does_fails() -> None:
    calm = Direction(name="wind never hurts", column="wind", by=1.0, score="falls")
    found = behaviour.check(Behaviour(tests=(WIND, calm)), GOOD)
    assert [part.outcome for part in found.parts] == ["passed", "failed"]
    assert found.words.startswith("wind never hurts: it holds on 0 of 1,500 rows")


def test_a_number_may_be_moved_by_hand() -> None:
    seats = Invariance(name="a seat more", columns=("seats",), by=1.0)
    wind = Invariance(name="a gust more", columns=("wind",), by=1.0)
    found = behaviour.check(Behaviour(tests=(seats, wind)), GOOD)
    assert [part.outcome for part in found.parts] == ["passed", "failed"]


def test_what_was_written_down_must_hold_on_every_row() -> None:
    rows: Rows = (*STORM, {**STORM[0], "wind": 0.0})
    found = behaviour.check(Behaviour(tests=(Minimum(name="late", rows=rows, at_least=0.9),)), GOOD)
    assert (found.outcome, found.value) == ("failed", 0.5)
    assert found.words == "late: it holds on 1 of 2 rows, and must on every one"


def test_few_rows_prove_no_share() -> None:
    found = behaviour.check(Behaviour(tests=(WIND,)), evidence(flights(30)))
    assert (found.outcome, found.value) == ("not-enough-data", 1.0)
    assert found.rows_needed > 30


def test_a_model_that_breaks_says_how() -> None:
    def strict(rows: pl.DataFrame) -> np.ndarray:
        if rows["wind"].max() > 5:  # type: ignore[operator]
            raise ValueError("no such wind")
        return law(rows)

    storm = Direction(name="storms", column="wind", by=10.0)
    found = behaviour.check(Behaviour(tests=(storm,)), evidence(flights(500), strict))
    assert found.outcome == "failed"
    assert found.words == "storms: the model breaks: it raises ValueError: no such wind"


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (Invariance(name="t", columns=("carier",)), "Did you mean 'carrier'?"),
        (Direction(name="t", column="carrier", by=1.0), "carrier is no number"),
        (Minimum(name="t", rows=({"wind": 1.0},), at_least=0.5), "lack carrier, distance, seats"),
        (Minimum(name="t", rows=({**STORM[0], "wind": "much"},), at_least=0.5), "conversion"),
        (Minimum(name="t", rows=STORM, says="late"), "the model has no classes"),
    ],
)
def test_tests_that_make_no_sense_are_errors(test: Minimum, words: str) -> None:
    found = behaviour.check(Behaviour(tests=(test,)), GOOD)
    assert (found.outcome, words in found.words) == ("error", True)


@pytest.mark.parametrize("rows", [0, 200])
def test_no_rows_and_one_value_try_nothing(rows: int) -> None:
    same = evidence(flights(rows).with_columns(carrier=pl.lit("AA")))
    found = behaviour.check(Behaviour(tests=(CARRIER,)), same)
    assert (found.outcome, "nothing was tried" in found.words) == ("not-enough-data", True)


# --- rows of a file, bound by the plan

PLAN = """\
[project]
name = "small"
objective = "Try things"

[[goals]]
id = "sane"
claim = "Storms are late"
checks = [{ kind = "behaviour", tests = [
  { test = "minimum", name = "storms", rows = "checks/storms.csv", at_least = 0.9 },
] }]
"""


def project(root: Path, rows: str) -> Path:
    (root / "checks").mkdir(exist_ok=True)
    (root / "trueup.toml").write_text(PLAN)
    (root / "checks" / "storms.csv").write_text(rows)
    return root


def test_the_plan_holds_what_the_file_says(tmp_path: Path) -> None:
    plan = service.read(project(tmp_path, "carrier,distance,wind,seats\nAA,500,3.0,\n"))
    demand = plan.goals[0].checks[0]
    assert isinstance(demand, Behaviour)
    assert isinstance(demand.tests[0], Minimum)
    assert demand.tests[0].rows == (
        {"carrier": "AA", "distance": "500", "wind": "3.0", "seats": None},
    )
    assert behaviour.check(demand, GOOD).outcome == "passed"
    other = service.read(project(tmp_path, "carrier,distance,wind,seats\nAA,500,-3.0,\n"))
    assert plan_digest(plan, {}) != plan_digest(other, {})


@pytest.mark.parametrize(
    ("rows", "file", "words"),
    [
        ("", "checks/storms.csv", "holds 0 rows"),
        ("a,b\n1\n", "checks/storms.csv", "shorter or longer"),
        ("a\n1\n", "../storms.csv", "outside of the project"),
        ("a\n1\n", "checks/none.csv", "No such file"),
    ],
)
def test_files_that_cannot_be_rows_are_refused(
    tmp_path: Path, rows: str, file: str, words: str
) -> None:
    root = project(tmp_path, rows)
    (root / "trueup.toml").write_text(PLAN.replace("checks/storms.csv", file))
    with pytest.raises(UsageError, match=words):
        service.read(root)
