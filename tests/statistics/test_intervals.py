"""Bounds cover what they say, and the better model wins whatever the metric's direction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trueup.statistics.intervals import (
    bound,
    minimum_detectable,
    paired_bootstrap,
    paired_delong,
    wilson,
)
from trueup.statistics.metrics import METRICS, Estimate, Metric, metric

few = settings(max_examples=20, deadline=None)
COMPARABLE = [
    name for name, made in METRICS.items() if made.better != "neither" and made.needs == "labels"
]


def two_models(rng, n, noise_a=0.2, noise_b=2.0):
    truth = rng.normal(size=n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-2 * truth))).astype(float)
    a, b = (1 / (1 + np.exp(-2 * (truth + rng.normal(0, s, n)))) for s in (noise_a, noise_b))
    return labels, a, b


@few
@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(0.51, 0.999))
def test_bounds_are_those_of_the_normal_law(value, error, confidence):
    estimate = Estimate(value, error, 100, 50)
    reach = stats.norm.ppf(confidence) * error
    assert bound(estimate, confidence, "lower") == pytest.approx(value - reach)
    assert bound(estimate, confidence, "upper") == pytest.approx(value + reach)


@few
@given(st.integers(1, 60), st.floats(0.51, 0.999))
def test_bounds_from_few_blocks_are_students(freedom, confidence):
    estimate = Estimate(0.7, 0.02, 100, 50, freedom)
    reach = stats.t.ppf(confidence, freedom) * 0.02
    assert bound(estimate, confidence, "lower") == pytest.approx(0.7 - reach)
    assert bound(estimate, confidence, "upper") == pytest.approx(0.7 + reach)
    assert reach > stats.norm.ppf(confidence) * 0.02


def test_missing_evidence_never_passes_a_threshold():
    undefined = Estimate(math.nan, math.inf, 0, 0)
    assert bound(undefined, 0.95, "lower") == -math.inf
    assert bound(undefined, 0.95, "upper") == math.inf


def test_malformed_bounds_are_refused():
    estimate = Estimate(0.5, 0.1, 10, 5)
    with pytest.raises(ValueError, match=r"confidence is 0\.5"):
        bound(estimate, 0.5, "lower")
    with pytest.raises(ValueError, match="side is 'both'"):
        bound(estimate, 0.95, "both")


@few
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case):
    successes, n = case
    exact = stats.binomtest(successes, n).proportion_ci(0.9, method="wilson")
    assert wilson(successes, n, 0.9) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_wilson_without_rows_knows_nothing():
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson(3, 2)


def test_the_detectable_change_is_found_with_the_stated_power():
    error = 0.02
    change = minimum_detectable(error, 0.95, power=0.8)
    found = np.random.default_rng(1).normal(change, error, 4_000) > stats.norm.ppf(0.95) * error
    assert found.mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("name", COMPARABLE)
def test_a_positive_difference_means_the_first_model_is_better(name):
    labels, good, bad = two_models(np.random.default_rng(2), 1_500)
    bad *= 0.6
    won = paired_bootstrap(metric(name), labels, good, bad, draws=60)
    lost = paired_bootstrap(metric(name), labels, bad, good, draws=60)
    assert 0 < won.lower < won.difference < won.upper
    assert lost.difference == pytest.approx(-won.difference)
    assert won.probability_better > 0.99 > 0.01 > lost.probability_better


@pytest.mark.parametrize("name", COMPARABLE)
def test_the_difference_is_that_of_the_metric_itself(name):
    labels, a, b = two_models(np.random.default_rng(3), 200)
    sign = 1 if metric(name).better == "higher" else -1
    expected = sign * (metric(name)(labels, a).value - metric(name)(labels, b).value)
    found = paired_bootstrap(metric(name), labels, a, b, draws=20)
    assert found.difference == pytest.approx(expected)


@pytest.mark.parametrize("name", COMPARABLE)
def test_equal_models_are_an_even_match(name):
    labels, a, _ = two_models(np.random.default_rng(4), 100)
    found = paired_bootstrap(metric(name), labels, a, a, draws=20)
    assert (found.difference, found.lower, found.upper) == (0, 0, 0)
    assert found.probability_better == 0.5


@pytest.mark.parametrize("name", ["brier", "roc_auc", "average_precision", "calibration_gap"])
def test_an_equal_model_seldom_seems_better(name):
    rng = np.random.default_rng(5)
    claims = []
    for _ in range(100):
        labels, a, b = two_models(rng, 250, 1.0, 1.0)
        claims.append(paired_bootstrap(metric(name), labels, a, b, draws=100).lower > 0)
    assert np.mean(claims) <= 0.095


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_analytic_comparisons_agree_with_the_bootstrap(name):
    labels, a, b = two_models(np.random.default_rng(6), 600, 0.5, 0.8)
    plain = Metric("plain", "higher", "labels", lambda *rows: metric(name).function(*rows))
    analytic = paired_bootstrap(metric(name), labels, a, b)
    resampled = paired_bootstrap(plain, labels, a, b, draws=300)
    width = analytic.upper - analytic.lower
    assert resampled.lower == pytest.approx(analytic.lower, abs=0.15 * width)
    assert resampled.upper == pytest.approx(analytic.upper, abs=0.15 * width)


def test_the_roc_comparison_is_delongs_with_ties():
    labels, a, b = two_models(np.random.default_rng(7), 150, 0.5, 0.8)
    a, b = a.round(1), b.round(1)
    placements = []
    for scores in (a, b):
        positives, negatives = scores[labels == 1][:, None], scores[labels == 0]
        wins = (positives > negatives) + 0.5 * (positives == negatives)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    gains = [first - second for first, second in zip(*placements, strict=True)]
    error = math.sqrt(sum(gain.var(ddof=1) / gain.size for gain in gains))
    found = paired_delong(labels, a, b, confidence=0.9)
    assert found.difference == pytest.approx(gains[0].mean())
    assert found.upper - found.lower == pytest.approx(2 * stats.norm.ppf(0.9) * error)


def test_equal_input_gives_equal_output():
    rows = two_models(np.random.default_rng(8), 80)
    first, again = (paired_bootstrap(metric("brier"), *rows, draws=50) for _ in "ab")
    assert first == again
    assert first != paired_bootstrap(metric("brier"), *rows, draws=50, seed=1)


@pytest.mark.parametrize("name", ["brier", "calibration_gap"])
def test_huge_comparisons_are_drawn_from_the_normal_law(name, monkeypatch):
    rows = two_models(np.random.default_rng(9), 2_000, 0.5, 0.8)
    resampled = paired_bootstrap(metric(name), *rows, draws=500)
    monkeypatch.setattr("trueup.statistics.intervals._MOST_RESAMPLED", 1_000)
    normal = paired_bootstrap(metric(name), *rows, draws=500)
    width = resampled.upper - resampled.lower
    assert normal != resampled
    assert normal.lower == pytest.approx(resampled.lower, abs=0.15 * width)
    assert normal.upper == pytest.approx(resampled.upper, abs=0.15 * width)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "brier"])
@pytest.mark.parametrize("labels", [[], [0.0, 0.0]])
def test_what_is_undefined_is_undecided(name, labels):
    if name == "brier" and labels:
        return
    scores = np.full(len(labels), 0.5)
    found = paired_bootstrap(metric(name), labels, scores, scores)
    assert math.isnan(found.difference)
    assert (found.lower, found.upper, found.probability_better) == (-math.inf, math.inf, 0.5)


def test_no_model_wins_by_a_rate_that_is_neither_good_nor_bad():
    with pytest.raises(ValueError, match="no better direction"):
        paired_bootstrap(metric("prevalence"), [0, 1], [0.1, 0.2], [0.3, 0.4])


def test_no_model_wins_by_latency_on_shared_rows():
    with pytest.raises(ValueError, match="measured on calls"):
        paired_bootstrap(metric("latency_p95_ms"), [0, 1], [0.1, 0.2], [0.3, 0.4])
