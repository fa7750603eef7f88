"""A metric must hold in every slice that rows can prove, and a slice that breaks it is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import slices
from trueup.lifecycle.plan.demands import Slices

from .flights import blind_to_short_b6, evidence, flights

GOOD = evidence(flights(4000))
WEAK = evidence(flights(4000, chance=blind_to_short_b6))
BY_BOTH = Slices(metric="roc_auc", by=("carrier", ("carrier", "distance")), at_least=0.6)


def test_slices_that_are_all_good_pass() -> None:
    found = slices.check(BY_BOTH, GOOD)
    assert found.outcome == "passed"
    assert {part.outcome for part in found.parts} == {"passed"}
    assert len(found.parts) == 4 + 16
    assert found.words.startswith(
        "roc_auc by carrier and carrier with distance is proven good in slices that hold 100%"
    )


def test_a_slice_that_is_bad_is_named_although_the_whole_is_good() -> None:
    assert slices.check(replace_by(BY_BOTH, "seats"), WEAK).outcome == "passed"
    found = slices.check(BY_BOTH, WEAK)
    assert found.outcome == "failed"
    assert found.words.startswith('roc_auc is too bad where carrier = "B6" and distance <= 700:')
    failed = [part.name for part in found.parts if part.outcome == "failed"]
    assert failed == ['carrier = "B6" and distance <= 700']


def test_a_slice_may_not_be_much_worse_than_all_rows() -> None:
    demand = Slices(metric="brier", by=("carrier",), gap=0.05)
    assert slices.check(demand, GOOD).outcome == "passed"
    found = slices.check(demand, WEAK)
    worse = next(part for part in found.parts if '"B6"' in part.name)
    assert (found.outcome, worse.outcome) == ("not-enough-data", "not-enough-data")
    assert worse.value is not None
    assert worse.value > 0.03
    tight = slices.check(Slices(metric="brier", by=("carrier",), gap=0.01), WEAK)
    assert tight.outcome == "failed"
    assert 'carrier = "B6", beside all rows' in tight.words


def test_bounds_agree_with_outcomes() -> None:
    for part in slices.check(BY_BOTH, WEAK).parts:
        assert part.lower is not None
        assert part.upper is not None
        assert part.limit is not None
        expected = "passed" if part.lower >= part.limit else "not-enough-data"
        assert part.outcome == ("failed" if part.upper <= part.limit else expected)


def test_small_slices_are_not_judged_and_say_what_would_do() -> None:
    holdout = flights(2000).with_columns(
        carrier=pl.when(pl.int_range(pl.len()) < 30).then(pl.lit("ZZ")).otherwise("carrier")
    )
    found = slices.check(BY_BOTH, evidence(holdout))
    small = next(part for part in found.parts if part.name == 'carrier = "ZZ"')
    assert (small.outcome, small.words, small.rows) == (
        "not-enough-data",
        "30 rows; 100 would do",
        30,
    )
    assert found.outcome == "passed"  # the others hold nearly all rows
    strict = Slices(metric="roc_auc", by=("carrier",), at_least=0.6, cover=1.0)
    refused = slices.check(strict, evidence(holdout))
    assert (refused.outcome, refused.rows_needed) == ("not-enough-data", 6667)


def test_a_limit_too_near_needs_more_rows_and_says_how_many() -> None:
    found = slices.check(Slices(metric="roc_auc", by=("carrier",), at_least=0.79), GOOD)
    assert found.outcome == "not-enough-data"
    assert found.rows_needed > 4000
    assert "the largest that is not is carrier =" in found.words
    assert found.words.endswith(f"about {found.rows_needed:,} rows in all would tell")
    assert found.detectable is not None
    assert 0.02 < found.detectable < 0.1


def test_the_chance_of_calling_any_of_many_good_slices_bad_is_small() -> None:
    """Simulated: all 26 slices lie exactly on the limit, so every refusal is a false one."""
    alarms = 0
    for seed in range(60):
        rows = flights(5200, seed, chance=lambda frame: np.full(frame.height, 0.5))
        demand = Slices(metric="prevalence", by=("carrier", ("distance",)), at_most=0.5)
        found = slices.check(demand, evidence(rows))
        alarms += found.outcome == "failed"
    assert alarms <= 7  # 5 in 100 expected; 8 or more of 60 would happen once in 100


# --- bad input


def test_a_column_that_is_not_there_is_an_error_with_the_near_name() -> None:
    found = slices.check(replace_by(BY_BOTH, "carier"), GOOD)
    assert (found.outcome, found.words) == (
        "error",
        "the rows have no column carier. Did you mean 'carrier'?",
    )


def test_no_rows_are_not_enough() -> None:
    empty = evidence(flights(0))
    found = slices.check(BY_BOTH, empty)
    assert (found.outcome, found.rows_needed) == ("not-enough-data", 100)


def test_one_class_defines_no_ranking_in_any_slice() -> None:
    one_class = replace(GOOD, labels=np.ones(4000))
    found = slices.check(BY_BOTH, one_class)
    assert found.outcome == "not-enough-data"
    assert all("one class" in part.words for part in found.parts)


def test_labels_that_are_missing_are_an_error_unless_left_out() -> None:
    labels = GOOD.labels.copy()
    labels[::2] = np.nan
    holes = replace(GOOD, labels=labels)
    assert slices.check(BY_BOTH, holes).outcome == "error"
    demand = Slices(metric="roc_auc", by=("carrier",), at_least=0.6, on_missing="leave-out")
    found = slices.check(demand, holes)
    assert (found.outcome, found.rows) == ("passed", 2000)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (pl.lit(7.0), "odd = 7"),
        (pl.lit(None, dtype=pl.Float64), "odd is missing"),
        (pl.lit(None, dtype=pl.String), "odd is missing"),
        (pl.lit(float("inf")), "odd = inf"),
        (pl.lit(True), "odd = true"),
        (pl.lit("x"), 'odd = "x"'),
    ],
)
def test_a_column_of_one_value_has_nothing_to_be_compared_with(column: pl.Expr, name: str) -> None:
    odd = evidence(flights(600).with_columns(odd=column).select("odd", "wind", "late"))
    found = slices.check(Slices(metric="brier", by=("odd",), gap=0.1), odd)
    assert found.outcome == "not-enough-data"
    assert [part.name for part in found.parts] == [f"{name}, beside all rows"]


def test_a_million_values_are_many_small_slices() -> None:
    rows = flights(20_000).with_columns(tail=pl.int_range(pl.len()).cast(pl.String))
    found = slices.check(replace_by(BY_BOTH, "tail"), evidence(rows))
    assert found.outcome == "not-enough-data"
    assert found.words == "no slice by tail has the 100 rows that it needs"
    assert found.parts[-1].name == "19,980 further slices"
    assert found.rows_needed == 2_000_000


def test_latency_has_no_slices() -> None:
    found = slices.check(Slices(metric="latency_p95_ms", by=("carrier",), at_most=5.0), GOOD)
    assert (found.outcome, "no slices" in found.words) == ("error", True)


def replace_by(demand: Slices, *by: str) -> Slices:
    return Slices(metric=demand.metric, by=by, at_least=demand.at_least)
