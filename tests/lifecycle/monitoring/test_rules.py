"""What a window proves: harm, health, or that nobody can tell yet."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.monitoring import rules
from trueup.lifecycle.plan.records import Gate, Goal, Watch
from trueup.statistics.metrics import Estimate
from trueup.statistics.summaries import Counts

FLOOR = Goal(
    id="accurate", claim="", metric="roc_auc", gate=Gate(at_least=0.64), watch=Watch(min_rows=500)
)
CEILING = Goal(
    id="sharp", claim="", metric="brier", gate=Gate(at_most=0.2), watch=Watch(min_rows=500)
)


def both(trained: list[int], now: list[int]) -> tuple[Counts, Counts]:
    return np.array(trained), np.array(now)


def measured(value: float, error: float, n: int = 1000) -> Estimate:
    return Estimate(value, error, n, n / 4)


@pytest.mark.parametrize(
    ("goal", "value", "error", "verdict"),
    [
        (FLOOR, 0.70, 0.01, "ok"),
        (FLOOR, 0.65, 0.01, "ok"),
        (FLOOR, 0.60, 0.01, "breach"),
        (FLOOR, 0.63, 0.01, "not-enough-data"),
        (FLOOR, 0.65, 0.20, "not-enough-data"),
        (CEILING, 0.15, 0.005, "ok"),
        (CEILING, 0.25, 0.005, "breach"),
        (CEILING, 0.205, 0.01, "not-enough-data"),
    ],
)
def test_a_goal_is_broken_only_when_the_bound_says_so(
    goal: Goal, value: float, error: float, verdict: str
) -> None:
    assert rules.judge_goal(goal, measured(value, error), 0.01).verdict == verdict


@given(st.floats(0, 1), st.floats(0.001, 0.5), st.integers(1, 5000), st.floats(1e-4, 0.05))
def test_a_breach_is_never_within_the_interval_and_never_below_min_rows(
    value: float, error: float, n: int, alpha: float
) -> None:
    finding = rules.judge_goal(FLOOR, measured(value, error, n), alpha)
    if finding.verdict == "breach":
        assert finding.bound is not None
        assert finding.bound < 0.64
        assert n >= 500
    if finding.verdict == "not-enough-data":
        assert finding.needed > n
    else:
        assert finding.needed == 0


def by_day(value: float, error: float, days: int) -> Estimate:
    return Estimate(value, error, 100 * days, 25 * days, days - 1)


def test_a_breach_by_day_needs_seven_days() -> None:
    assert rules.judge_goal(FLOOR, by_day(0.5, 0.001, 7), 0.01, days=7).verdict == "breach"
    finding = rules.judge_goal(FLOOR, by_day(0.5, 0.001, 6), 0.01, days=6)
    assert (finding.verdict, finding.needed) == ("not-enough-data", 700)
    assert finding.detail == (
        "600 rows of 6 days cannot tell: the standard error by day needs 7 days with rows"
    )


@pytest.mark.parametrize("value", [0.9, 0.5, math.nan])
@pytest.mark.parametrize("days", range(7))
def test_six_days_prove_neither_harm_nor_health(value: float, days: int) -> None:
    estimate = Estimate(value, 0.001, 100 * days, 25 * days, max(days - 1, 0))
    finding = rules.judge_goal(FLOOR, estimate, 0.01, days=days)
    assert finding.verdict == "not-enough-data"
    assert finding.needed > finding.n


def test_few_days_prove_less_than_many_rows() -> None:
    of_rows = rules.judge_goal(FLOOR, measured(0.61, 0.01), 0.005)
    of_days = rules.judge_goal(FLOOR, by_day(0.61, 0.01, 7), 0.005, days=7)
    assert (of_rows.verdict, of_days.verdict) == ("breach", "not-enough-data")
    assert of_rows.bound is not None
    assert of_days.bound is not None
    assert of_days.bound > of_rows.bound


def test_a_finding_says_that_its_error_is_by_day() -> None:
    told = {
        verdict: rules.judge_goal(FLOOR, by_day(value, 0.01, 28), 0.01, days=28).detail
        for value, verdict in ((0.7, "ok"), (0.5, "breach"), (0.63, "not-enough-data"))
    }
    assert all("standard error by day" in words for words in told.values())
    assert "about 172 days would" in told["not-enough-data"]


def test_an_undefined_metric_is_not_enough_data() -> None:
    finding = rules.judge_goal(FLOOR, Estimate(math.nan, math.inf, 900, 0), 0.01)
    assert (finding.verdict, finding.value, finding.bound) == ("not-enough-data", None, None)


def test_the_limit_of_the_watch_is_the_gates_unless_it_has_its_own() -> None:
    own = Goal(
        id="a", claim="", metric="roc_auc", gate=Gate(at_least=0.64), watch=Watch(at_least=0.5)
    )
    assert rules.judge_goal(FLOOR, measured(0.6, 0.001), 0.01).limit == 0.64
    assert rules.judge_goal(own, measured(0.6, 0.001), 0.01).limit == 0.5


@given(st.floats(0.01, 20), st.integers(1, 365), st.integers(1, 20))
def test_the_alphas_of_a_year_add_up_to_the_budget_at_most(
    budget: float, days: int, tests: int
) -> None:
    alpha = rules.alpha_per_test(budget, timedelta(days=days), tests)
    assert alpha * tests * 365.25 / days <= budget * (1 + 1e-9)
    assert 0 < alpha <= 0.05


def test_an_estimate_warns_and_never_proves_harm() -> None:
    finding = rules.as_estimate(rules.judge_goal(FLOOR, measured(0.5, 0.01), 0.01))
    assert (finding.monitor, finding.kind, finding.verdict) == (
        "accurate.estimate",
        "estimate",
        "warning",
    )


def test_drift_names_the_columns_that_changed_by_a_size_that_matters() -> None:
    finding = rules.judge_drift(
        {
            "same": both([500, 500], [510, 490]),
            "little": both([50_000, 50_000], [52_000, 48_000]),
            "much": both([500, 500], [200, 800]),
        }
    )
    assert (finding.verdict, finding.columns) == ("warning", ("much",))


def test_a_proven_but_small_change_is_negligible() -> None:
    finding = rules.judge_drift({"little": both([50_000, 50_000], [52_000, 48_000])})
    assert (finding.verdict, finding.columns) == ("changed-but-negligible", ("little",))


def test_few_rows_cannot_show_drift_and_the_finding_says_how_many_would() -> None:
    finding = rules.judge_drift({"column": both([500] * 10, [2] * 10)})
    assert finding.verdict == "not-enough-data"
    assert 100 < finding.needed < 1000
    enough = both([500] * 10, [math.ceil(finding.needed / 10)] * 10)
    assert rules.judge_drift({"column": enough}).verdict == "ok"


@given(st.lists(st.integers(1, 500), min_size=2, max_size=8), st.data())
def test_drift_never_breaches(reference: list[int], data: st.DataObject) -> None:
    now = data.draw(st.lists(st.integers(0, 900), min_size=len(reference), max_size=len(reference)))
    assert rules.judge_drift({"column": both(reference, now)}).verdict != "breach"


def test_missing_values_warn_when_there_are_more_than_in_training() -> None:
    same = {"origin missing": (30, 1000, 120, 4000)}
    more = {"origin missing": (200, 1000, 120, 4000)}
    assert rules.judge_quality(same, 0, 0).verdict == "ok"
    finding = rules.judge_quality(more, 0, 0)
    assert (finding.verdict, finding.columns) == ("warning", ("origin",))
    assert finding.detail == "origin missing in 20% of rows"


def test_scores_that_are_no_probability_warn() -> None:
    finding = rules.judge_quality({"origin missing": (0, 1000, 0, 4000)}, 3, 0)
    assert (finding.verdict, finding.detail) == ("warning", "3 scores are no probability")


def test_labels_without_a_prediction_are_told() -> None:
    finding = rules.judge_quality({"origin missing": (0, 1000, 0, 4000)}, 0, 7)
    assert finding.numbers["labels without a prediction"] == 7


@pytest.mark.parametrize(
    ("failed", "answered", "verdict"),
    [
        (0, 0, "not-enough-data"),
        (0, 50, "ok"),
        (1, 20, "ok"),
        (10, 1000, "ok"),
        (50, 1000, "breach"),
    ],
)
def test_errors_are_harm_when_more_than_one_in_a_hundred_is_proven(
    failed: int, answered: int, verdict: str
) -> None:
    assert rules.judge_errors(failed, answered, 0.01).verdict == verdict


@pytest.mark.parametrize(
    ("value", "unlabelled", "is_late", "judged"),
    [
        (0.60, 0, False, "true"),
        (0.66, 0, False, "false"),
        (0.60, 5, False, "unknown"),
        (0.60, 5, True, "true"),
    ],
)
def test_an_alert_is_judged_when_all_labels_are_there_or_late(
    value: float, unlabelled: int, is_late: bool, judged: str
) -> None:
    finding = rules.judge_goal(FLOOR, measured(value, 0.01), 0.01)
    found = rules.judge_alert(finding, 0.64, None, unlabelled=unlabelled, is_late=is_late)
    assert found == judged
