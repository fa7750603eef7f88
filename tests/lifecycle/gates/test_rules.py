"""What a measurement proves. The answers are: proven good, proven bad, or not enough data."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.records import CheckResult
from trueup.statistics.metrics import Estimate

values = st.floats(0, 1)
errors = st.floats(1e-6, 0.5)
limits = st.floats(0.01, 0.99)
confidences = st.floats(0.6, 0.999)
rows = st.integers(1, 100_000)


def judge(
    value: float,
    error: float = 0.01,
    n: int = 1000,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    confidence: float = 0.95,
    min_rows: int = 100,
) -> tuple[str, float | None, int]:
    estimate = Estimate(value, error, n, n / 2)
    return rules.against_limit(
        estimate, at_least=at_least, at_most=at_most, confidence=confidence, min_rows=min_rows
    )


def test_a_floor_is_kept_broken_or_in_doubt() -> None:
    assert judge(0.75, at_least=0.7)[0] == "passed"
    assert judge(0.71, at_least=0.7)[0] == "not-enough-data"
    assert judge(0.70, at_least=0.7)[0] == "failed"
    assert judge(0.60, at_least=0.7)[0] == "failed"


def test_a_ceiling_is_kept_broken_or_in_doubt() -> None:
    assert judge(0.15, at_most=0.2)[0] == "passed"
    assert judge(0.19, at_most=0.2)[0] == "not-enough-data"
    assert judge(0.20, at_most=0.2)[0] == "failed"
    assert judge(0.30, at_most=0.2)[0] == "failed"


def test_the_bound_is_one_sided_and_on_the_side_that_matters() -> None:
    assert judge(0.75, at_least=0.7)[1] == pytest.approx(0.75 - 1.6449 * 0.01, abs=1e-6)
    assert judge(0.15, at_most=0.2)[1] == pytest.approx(0.15 + 1.6449 * 0.01, abs=1e-6)


@given(values, values, errors, limits, confidences)
def test_a_better_value_never_has_a_worse_outcome(
    one: float, other: float, error: float, limit: float, confidence: float
) -> None:
    order = ["failed", "not-enough-data", "passed"]
    low, high = sorted((one, other))
    worse = judge(low, error, at_least=limit, confidence=confidence)[0]
    better = judge(high, error, at_least=limit, confidence=confidence)[0]
    assert order.index(worse) <= order.index(better)
    worse = judge(high, error, at_most=limit, confidence=confidence)[0]
    better = judge(low, error, at_most=limit, confidence=confidence)[0]
    assert order.index(worse) <= order.index(better)


@given(values, errors, limits, confidences)
def test_more_confidence_never_passes_more(
    value: float, error: float, limit: float, confidence: float
) -> None:
    if judge(value, error, at_least=limit, confidence=0.999)[0] == "passed":
        assert judge(value, error, at_least=limit, confidence=confidence)[0] == "passed"


@given(values, errors, rows, limits, confidences, st.integers(1, 5000), st.booleans())
def test_what_would_do_does(
    value: float,
    error: float,
    n: int,
    limit: float,
    confidence: float,
    min_rows: int,
    is_floor: bool,
) -> None:
    side = {"at_least": limit} if is_floor else {"at_most": limit}
    settings = {"confidence": confidence, "min_rows": min_rows, **side}
    outcome, _, needed = judge(value, error, n, **settings)  # type: ignore[arg-type]
    assert (needed > 0) == (outcome == "not-enough-data")
    if outcome != "not-enough-data":
        return
    assert needed > n or needed == min_rows
    keeps = value > limit if is_floor else value < limit
    assume(keeps)
    assume(abs(value - limit) > 1e-5)  # closer than that, no data will do
    smaller = error * math.sqrt(n / needed)
    assert judge(value, smaller, needed, **settings)[0] == "passed"  # type: ignore[arg-type]


@given(values, errors, st.integers(0, 99), limits)
def test_too_few_rows_prove_nothing(value: float, error: float, n: int, limit: float) -> None:
    outcome, _, needed = judge(value, error, n, at_least=limit)
    assert outcome == "not-enough-data"
    assert needed >= 100


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("n", [0, 50, 1000])
def test_what_is_not_defined_proves_nothing(value: float, n: int) -> None:
    assert judge(value, 0.01, n, at_least=0.7) == ("not-enough-data", None, 100)
    assert judge(value, 0.01, n, at_most=0.7) == ("not-enough-data", None, 100)


@pytest.mark.parametrize("error", [float("nan"), float("inf")])
@pytest.mark.parametrize("n", [1, 1000])
def test_a_value_of_unknown_error_proves_nothing_and_has_no_bound(error: float, n: int) -> None:
    outcome, bound, needed = judge(0.9, error, n, at_least=0.7)
    assert (outcome, bound) == ("not-enough-data", None)
    assert needed > n


def test_no_limit_is_no_pass() -> None:
    assert judge(0.9)[0] == "not-enough-data"


# --- against the champion


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(-0.2, 0.2))
def test_a_larger_win_never_has_a_worse_outcome(
    difference: float, more: float, reach: float, margin: float
) -> None:
    order = ["failed", "not-enough-data", "passed"]
    worse = rules.against_champion(difference, difference - reach, 500, margin)[0]
    better = rules.against_champion(difference + more, difference + more - reach, 500, margin)[0]
    assert order.index(worse) <= order.index(better)


@given(st.floats(-1, 1), st.floats(1e-6, 1), st.integers(1, 10_000), st.floats(-0.2, 0.2))
def test_a_win_in_doubt_says_how_many_rows_would_tell(
    difference: float, reach: float, n: int, margin: float
) -> None:
    outcome, needed = rules.against_champion(difference, difference - reach, n, margin)
    assert (needed > 0) == (outcome == "not-enough-data")
    if needed:
        assert needed >= n
        assume(difference - margin > 1e-5)
        lower = difference - reach * math.sqrt(n / needed)
        assert rules.against_champion(difference, lower, needed, margin)[0] == "passed"


@pytest.mark.parametrize(
    ("difference", "lower"),
    [(float("nan"), 0.1), (0.1, float("nan")), (0.1, float("-inf")), (float("inf"), 0.1)],
)
def test_a_difference_that_is_not_defined_is_no_win(difference: float, lower: float) -> None:
    assert rules.against_champion(difference, lower, 500, 0.0)[0] == "not-enough-data"


def test_a_tie_is_no_win_but_a_tolerated_loss_may_pass() -> None:
    assert rules.against_champion(0.0, 0.0, 500, 0.0)[0] == "failed"
    assert rules.against_champion(0.0, -0.005, 500, -0.01)[0] == "passed"
    assert rules.against_champion(0.02, 0.0, 500, 0.0)[0] == "not-enough-data"


# --- all checks together

OUTCOMES = ("passed", "failed", "not-enough-data", "error", "not-applicable")


@given(st.lists(st.sampled_from(OUTCOMES), max_size=6))
def test_only_proof_passes_and_silence_never_does(outcomes: list[str]) -> None:
    results = [
        msgspec.convert({"check": "limit", "goal": "g", "outcome": o, "words": ""}, CheckResult)
        for o in outcomes
    ]
    proven = "passed" in outcomes and set(outcomes) <= {"passed", "not-applicable"}
    assert rules.outcome_of(results) == ("PASSED" if proven else "FAILED")
