"""A model keeps what it is worth when inputs are disturbed, or fails with the column named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import robustness
from trueup.lifecycle.plan.demands import Disturbance, Robustness

from .flights import CARRIERS, evidence, flights, law

HOLDOUT, TRAINED = flights(2000, 1), flights(2000, 2)
GOOD = evidence(HOLDOUT, trained_on=TRAINED)
DEMAND = Robustness(metric="brier", loss=0.05, moves=0.6)


def test_a_steady_model_passes_under_every_way() -> None:
    found = robustness.check(DEMAND, GOOD)
    assert found.outcome == "passed"
    names = [part.name for part in found.parts]
    assert names[0] == "noise of 0.1 standard deviations"
    assert "wind missing" in names
    assert "distance far above all that was seen" in names
    assert "seats at its 1 % quantile" in names
    assert "carrier mixed up" in names
    assert "carrier never seen, decisions" in names
    assert len(names) == 2 * (1 + 4 + 3 * 4 + 1 + 1)
    assert found.words.startswith("none of 38 ways is too much; the worst is wind")
    assert found.detectable is not None


@pytest.mark.parametrize("answer", ["raises", "nan", "fewer"])
def test_a_model_that_breaks_on_missing_values_names_the_column(answer: str) -> None:
    def breaks(rows: pl.DataFrame) -> np.ndarray:
        lacks = rows["seats"].null_count() > 0
        if lacks and answer == "raises":
            raise ValueError("Input X contains NaN.")
        if lacks and answer == "fewer":
            return law(rows)[:-1]
        return law(rows) * (np.nan if lacks else 1)

    found = robustness.check(DEMAND, evidence(HOLDOUT, breaks))
    assert found.outcome == "failed"
    said = {
        "raises": "it raises ValueError: Input X contains NaN.",
        "nan": "200 of 200 answers are no probability",
        "fewer": "it gives 199 answers to 200 rows",
    }
    assert found.words == f"seats missing: the model breaks: {said[answer]}"
    assert [part.name for part in found.parts if part.outcome == "failed"] == ["seats missing"]


def test_a_model_that_breaks_on_a_new_category_says_so() -> None:
    def strict(rows: pl.DataFrame) -> np.ndarray:
        if not rows["carrier"].drop_nulls().is_in(CARRIERS).all():
            raise KeyError("no such carrier")
        return law(rows)

    found = robustness.check(
        Robustness(moves=0.6, under=("unseen", "swaps")), evidence(HOLDOUT, strict)
    )
    assert found.outcome == "failed"
    assert (
        found.words == "carrier never seen: the model breaks: it raises KeyError: 'no such carrier'"
    )


def jumpy(rows: pl.DataFrame) -> np.ndarray:
    """A model that a breath of wind turns over."""
    return np.where(np.floor(rows["wind"].fill_null(0).to_numpy() * 20) % 2 == 0, 0.9, 0.1)


def test_noise_is_measured_in_the_scale_of_the_training_rows() -> None:
    demand = Robustness(moves=0.2, under=("noise",), noise=(0.001, 0.5))
    found = robustness.check(demand, evidence(HOLDOUT, jumpy, TRAINED))
    outcomes = {part.name: part.outcome for part in found.parts}
    assert outcomes == {
        "noise of 0.001 standard deviations, decisions": "passed",
        "noise of 0.5 standard deviations, decisions": "failed",
    }
    assert "of the decisions move, and 20.00% may" in found.words


def test_what_the_model_needs_costs_when_it_is_missing() -> None:
    demand = Robustness(metric="roc_auc", loss=0.01, under=("missing",), share=0.5)
    found = robustness.check(demand, GOOD)
    assert (found.outcome, found.words[:13]) == ("failed", "wind missing:")
    assert [part.outcome for part in found.parts].count("passed") == 3


def test_columns_of_one_source_go_missing_together() -> None:
    demand = Robustness(moves=0.6, under=("missing",), together=(("wind", "seats"),))
    names = [part.name for part in robustness.check(demand, GOOD).parts]
    assert names[-1] == "wind, seats missing together, decisions"


def test_the_same_question_has_the_same_answer() -> None:
    assert robustness.check(DEMAND, GOOD) == robustness.check(DEMAND, GOOD)


# --- bad input


@pytest.mark.parametrize("rows", [0, 1, 499])
def test_few_rows_are_not_enough(rows: int) -> None:
    found = robustness.check(DEMAND, evidence(flights(rows)))
    assert (found.outcome, found.rows_needed) == ("not-enough-data", 500)


@pytest.mark.parametrize(
    "column",
    [
        pl.lit(None, dtype=pl.Float64),
        pl.lit(float("inf")),
        pl.lit(float("nan")),
        pl.lit(1.0),
        pl.lit(None, dtype=pl.String),
        pl.lit(2**62),
        pl.int_range(pl.len()).cast(pl.String),
    ],
)
def test_columns_without_sense_are_disturbed_all_the_same(column: pl.Expr) -> None:
    rows = flights(600).with_columns(odd=column).select("wind", "odd", "late")
    assert robustness.check(Robustness(moves=0.9), evidence(rows)).outcome == "passed"


def test_of_thousands_of_columns_the_one_that_breaks_is_found() -> None:
    random = np.random.default_rng(0)
    wide = pl.DataFrame(random.normal(size=(100, 1500)), schema=[f"x{i}" for i in range(1500)])
    rows = wide.with_columns(late=pl.Series(random.integers(0, 2, 100)))

    def breaks(frame: pl.DataFrame) -> np.ndarray:
        return np.full(frame.height, np.nan if frame["x777"].null_count() else 0.5)

    demand = Robustness(moves=0.5, under=("missing",), min_rows=100, share=1.0)
    found = robustness.check(demand, evidence(rows, breaks))
    assert (found.outcome, found.words.partition(":")[0]) == ("failed", "x777 missing")
    assert len(found.parts) == 100


def test_one_class_defines_no_ranking_to_lose() -> None:
    demand = Robustness(metric="roc_auc", loss=0.1, under=("noise",))
    found = robustness.check(demand, replace(GOOD, labels=np.ones(2000)))
    assert (found.outcome, "is not defined" in found.words) == ("not-enough-data", True)


def test_missing_labels_and_unknown_columns_are_errors() -> None:
    assert robustness.check(DEMAND, replace(GOOD, labels=np.full(2000, np.nan))).outcome == "error"
    demand = Robustness(moves=0.5, columns=("winds",))
    found = robustness.check(demand, GOOD)
    assert found.words == "the rows have no column winds. Did you mean 'wind'?"


def test_nothing_to_disturb_is_said() -> None:
    under: tuple[Disturbance, ...] = ("unseen",)
    rows = evidence(HOLDOUT.drop("carrier"))
    found = robustness.check(Robustness(moves=0.1, under=under), rows)
    assert found.outcome == "not-applicable"
    assert found.words == "the model has no input that unseen could disturb"
