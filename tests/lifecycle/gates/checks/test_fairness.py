"""Fairness is measured as Fairlearn does, held against bounds, and never judged on a handful."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import fairness
from trueup.lifecycle.gates.evidence import Evidence, collect
from trueup.lifecycle.models.rules import signature_of
from trueup.lifecycle.plan.demands import Fairness, FairnessMeasure

from .flights import evidence, flights

# What Fairlearn 0.15.0 computes on `people()`.
FAIRLEARN = {
    "demographic_parity_difference": 0.19166666666666668,
    "demographic_parity_ratio": 0.4888888888888889,
    "equalized_odds_difference": 0.25,
    "equalized_odds_ratio": 0.08333333333333333,
    "equal_opportunity_difference": 0.25,
    "equal_opportunity_ratio": 0.6363636363636364,
}


def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups, labels and scores without chance."""
    i = np.arange(420)
    group, label = np.array(list("aababcc"))[i % 7], ((i * 13) % 10 < 4).astype(int)
    score = ((i * 37) % 101) / 100 * 0.6 + 0.4 * label * ((i % 5) > 0)
    return group, label, score - 0.2 * (group == "b") * ((i % 3) > 0)


def judged(group: np.ndarray, label: np.ndarray, score: np.ndarray) -> Evidence:
    rows = pl.DataFrame({"group": group, "score": score, "yes": label})
    return collect(
        lambda frame: np.clip(frame["score"].to_numpy(), 0, 1),
        rows,
        "yes",
        signature=signature_of(rows, "yes"),
        ref="loans@1",
    )


def demand(measure: FairnessMeasure, limit: float, **settings: object) -> Fairness:
    side = "at_least" if measure.endswith("ratio") else "at_most"
    return Fairness(by=("group",), measure=measure, **{side: limit}, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("measure", get_args(FairnessMeasure))
def test_values_are_those_of_fairlearn(measure: FairnessMeasure) -> None:
    found = fairness.check(demand(measure, 0.5, min_rows=10), judged(*people()))
    assert found.value == pytest.approx(FAIRLEARN[measure], abs=1e-12)


@pytest.mark.parametrize("measure", get_args(FairnessMeasure))
def test_fairlearn_says_the_same_where_it_is_installed(measure: FairnessMeasure) -> None:
    oracle = pytest.importorskip("fairlearn.metrics", reason="Fairlearn is not installed")
    random = np.random.default_rng(5)
    group, label = random.choice(list("abc"), 600), random.integers(0, 2, 600)
    score = random.random(600)
    found = fairness.check(demand(measure, 0.5, min_rows=10), judged(group, label, score))
    expected = getattr(oracle, measure)(label, score >= 0.5, sensitive_features=group)
    assert found.value == pytest.approx(expected, abs=1e-12)


def two_groups(rows: int, apart: float, seed: int = 0) -> Evidence:
    """Two groups whose chance of a yes differs."""
    random = np.random.default_rng(seed)
    group = np.array(["a", "b"])[np.arange(rows) % 2]
    score = np.where(random.random(rows) < 0.5 - apart * (group == "b"), 0.9, 0.1)
    return judged(group, random.integers(0, 2, rows), score)


def test_equal_groups_pass_and_unequal_ones_fail() -> None:
    at_most = demand("demographic_parity_difference", 0.1)
    found = fairness.check(at_most, two_groups(4000, 0.0))
    assert found.outcome == "passed"
    assert found.bound is not None
    assert found.bound <= 0.1
    assert [part.name for part in found.parts] == [
        'group = "a", decided yes',
        'group = "b", decided yes',
    ]
    unequal = fairness.check(at_most, two_groups(4000, 0.3))
    assert unequal.outcome == "failed"
    assert unequal.words.startswith("demographic_parity_difference by group is 0.3")
    ratio = demand("demographic_parity_ratio", 0.8)
    assert fairness.check(ratio, two_groups(8000, 0.0)).outcome == "passed"
    assert fairness.check(ratio, two_groups(4000, 0.3)).outcome == "failed"


def test_in_between_more_rows_are_needed() -> None:
    found = fairness.check(demand("equalized_odds_difference", 0.1), two_groups(600, 0.05))
    assert found.outcome == "not-enough-data"
    assert found.rows_needed > 600
    assert found.detectable is not None


def test_fair_groups_are_not_refused_for_being_many() -> None:
    """Simulated: ten equal groups, whose largest difference is 0.1 by chance alone."""
    failed = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        group = np.array(list("abcdefghij"))[np.arange(2000) % 10]
        rows = judged(group, random.integers(0, 2, 2000), random.random(2000))
        failed += fairness.check(demand("demographic_parity_difference", 0.02), rows).outcome == (
            "failed"
        )
    assert failed <= 5


def test_groups_of_a_handful_are_not_compared() -> None:
    rows = two_groups(3000, 0.0)
    group = pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("c")).otherwise("group")
    few = replace(rows, holdout=rows.holdout.with_columns(group=group))
    at_most = demand("demographic_parity_difference", 0.1)
    found = fairness.check(at_most, few)
    assert found.outcome == "passed"
    small = next(part for part in found.parts if '"c"' in part.name)
    assert (small.outcome, small.words, small.rows) == ("not-enough-data", "50 rows would do", 20)
    everybody = demand("demographic_parity_difference", 0.1, cover=1.0)
    refused = fairness.check(everybody, few)
    assert (refused.outcome, refused.rows_needed) == ("not-enough-data", 7500)


def test_the_worst_cut_decides() -> None:
    both = Fairness(by=("carrier", "wind"), measure="demographic_parity_difference", at_most=0.2)
    found = fairness.check(both, evidence(flights(4000)))
    assert (found.outcome, " by wind is " in found.words) == ("failed", True)


# --- bad input


@pytest.mark.parametrize(
    "column", [pl.lit("x"), pl.lit(None, dtype=pl.String), pl.int_range(pl.len()).cast(pl.String)]
)
def test_a_column_that_makes_no_two_groups_is_not_enough(column: pl.Expr) -> None:
    rows = two_groups(1000, 0.0)
    odd = replace(rows, holdout=rows.holdout.with_columns(group=column))
    found = fairness.check(demand("demographic_parity_difference", 0.1), odd)
    assert found.outcome == "not-enough-data"
    assert found.words.startswith("group makes fewer than two groups")


def test_no_rows_one_class_and_missing_labels() -> None:
    measure = demand("equal_opportunity_difference", 0.1)
    rows = two_groups(1000, 0.0)
    assert fairness.check(measure, two_groups(0, 0.0)).outcome == "not-enough-data"
    no_late = replace(rows, labels=np.zeros(1000))
    assert fairness.check(measure, no_late).outcome == "not-enough-data"
    assert fairness.check(measure, replace(rows, labels=np.full(1000, np.nan))).outcome == "error"
    nobody = replace(rows, scores=np.zeros(1000))
    found = fairness.check(demand("demographic_parity_ratio", 0.8), nobody)
    assert (found.outcome, "has any yes" in found.words) == ("not-enough-data", True)


def test_a_column_that_is_not_there_is_named() -> None:
    absent = Fairness(by=("grup",), measure="demographic_parity_difference", at_most=0.1)
    found = fairness.check(absent, two_groups(100, 0.0))
    assert found.words == "the rows have no column grup. Did you mean 'group'?"
