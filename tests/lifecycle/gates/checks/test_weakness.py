"""A weak slice that nobody named is found and put in words; where there is none, none is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import weakness
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.plan.demands import Weakness

from .flights import blind_to_short_b6, evidence, flights

DEMAND = Weakness(gap=0.1)


def coin(rows: pl.DataFrame) -> np.ndarray:
    """A model whose loss depends on nothing: all rows are as hard."""
    return np.full(rows.height, 0.3)


def test_a_planted_weak_slice_is_named_in_words() -> None:
    found = weakness.check(DEMAND, evidence(flights(8000, chance=blind_to_short_b6)))
    assert found.outcome == "failed"
    assert found.parts[0].name == 'carrier = "B6" and distance <= 500'
    assert found.words.startswith(
        'weak where carrier = "B6" and distance <= 500: brier beyond what the model expects'
    )
    assert "would make it better by" in found.words
    assert found.value is not None
    assert found.bound is not None
    assert 0.2 < found.bound < found.value < 0.4


def test_the_model_without_it_passes_and_says_what_would_have_been_seen() -> None:
    found = weakness.check(DEMAND, evidence(flights(8000)))
    assert found.outcome == "passed"
    assert found.detectable is not None
    assert 0.1 < found.detectable < 0.2
    assert "would be shown in 80 of 100 cases" in found.words


def test_missing_values_may_be_the_weak_slice() -> None:
    rows = flights(6000)
    random = np.random.default_rng(1)
    lost = random.random(6000) < 0.1
    worse = np.where(lost, 1 - rows["late"].to_numpy(), rows["late"].to_numpy())
    rows = rows.with_columns(seats=pl.when(~pl.Series(lost)).then("seats"), late=pl.Series(worse))
    found = weakness.check(DEMAND, evidence(rows))
    assert (found.outcome, found.parts[0].name) == ("failed", "seats is missing")


def test_nothing_is_found_where_nothing_is() -> None:
    """Simulated: with no gap allowed, and a loss that depends on no column, 5 in 100 may alarm."""
    alarms = 0
    for seed in range(60):
        rows = flights(1200, seed, chance=coin)
        alarms += weakness.check(Weakness(gap=0.0), evidence(rows, coin)).outcome == "failed"
    assert alarms <= 7


def test_hard_rows_are_weak_only_where_the_plan_says_so() -> None:
    """Where there is no wind the chance is one half: nothing to blame the model for."""
    rows = evidence(flights(8000))
    assert weakness.check(Weakness(gap=0.05), rows).outcome == "passed"
    found = weakness.check(Weakness(gap=0.05, hard_rows=True), rows)
    assert (found.outcome, "wind" in found.words) == ("failed", True)


def test_a_gap_that_is_allowed_is_no_weakness() -> None:
    demand = Weakness(gap=0.45)
    rows = flights(8000, chance=blind_to_short_b6)
    assert weakness.check(demand, evidence(rows)).outcome == "passed"


# --- bad input


@pytest.mark.parametrize("rows", [0, 1, 300])
def test_few_rows_are_not_enough(rows: int) -> None:
    found = weakness.check(DEMAND, evidence(flights(rows)))
    assert (found.outcome, found.rows_needed) == ("not-enough-data", 400)


def odd(column: pl.Expr) -> Evidence:
    return evidence(flights(1000).with_columns(odd=column).select("wind", "odd", "late"))


@pytest.mark.parametrize(
    "column",
    [
        pl.lit(None, dtype=pl.Float64),
        pl.lit(None, dtype=pl.String),
        pl.lit(float("inf")),
        pl.lit(float("nan")),
        pl.lit(1.0),
        pl.int_range(pl.len()).cast(pl.String),
        pl.when(pl.int_range(pl.len()) % 2 == 0).then(float("-inf")).otherwise(1e300),
    ],
)
def test_columns_without_sense_describe_no_slice(column: pl.Expr) -> None:
    assert weakness.check(DEMAND, odd(column)).outcome == "passed"


def test_thousands_of_columns_are_searched() -> None:
    random = np.random.default_rng(0)
    wide = pl.DataFrame(random.normal(size=(500, 2_000)), schema=[f"x{i}" for i in range(2_000)])
    rows = wide.with_columns(late=pl.Series(random.integers(0, 2, 500)))
    assert weakness.check(DEMAND, evidence(rows, coin)).outcome == "passed"


def test_one_class_is_judged_by_its_losses() -> None:
    found = weakness.check(DEMAND, replace(evidence(flights(1000)), labels=np.ones(1000)))
    assert found.outcome == "failed"  # the law expects punctual flights where the wind is low
    assert "wind <=" in found.parts[0].name


def test_missing_labels_and_wrong_metrics_are_errors() -> None:
    known = evidence(flights(1000))
    holes = replace(known, labels=np.full(1000, np.nan))
    assert weakness.check(DEMAND, holes).outcome == "error"
    found = weakness.check(Weakness(gap=0.1, metric="roc_auc"), known)
    assert (found.outcome, "no mean over rows" in found.words) == ("error", True)
    found = weakness.check(Weakness(gap=0.1, columns=("winds",)), known)
    assert found.words == "the rows have no column winds. Did you mean 'wind'?"
