"""The better model wins whatever the metric's direction, by the rule that was declared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trueup.statistics.metrics import METRICS, Metric, metric
from trueup.statistics.pairs import compare, paired_delong, paired_mcnemar, paired_t, why_not

COMPARABLE = [
    name
    for name, made in METRICS.items()
    if made.better != "neither" and made.needs == "labels" and made.is_counted
]


def two_models(rng, n, noise_a=0.2, noise_b=2.0):
    truth = rng.normal(size=n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-2 * truth))).astype(float)
    a, b = (1 / (1 + np.exp(-2 * (truth + rng.normal(0, s, n)))) for s in (noise_a, noise_b))
    return labels, a, b


@pytest.mark.parametrize("name", COMPARABLE)
def test_a_positive_difference_means_the_first_model_is_better(name):
    labels, good, bad = two_models(np.random.default_rng(2), 1_500)
    if name != "specificity":  # which gains from low scores
        bad *= 0.6
    won = compare(metric(name), labels, good, bad, draws=60)
    lost = compare(metric(name), labels, bad, good, draws=60)
    assert 0 < won.lower < won.difference < won.upper
    assert lost.difference == pytest.approx(-won.difference)
    assert won.probability_better > 0.99 > 0.01 > lost.probability_better


@pytest.mark.parametrize("name", COMPARABLE)
def test_the_difference_is_that_of_the_metric_itself(name):
    labels, a, b = two_models(np.random.default_rng(3), 200)
    sign = 1 if metric(name).better == "higher" else -1
    expected = sign * (metric(name)(labels, a).value - metric(name)(labels, b).value)
    found = compare(metric(name), labels, a, b, draws=20)
    assert found.difference == pytest.approx(expected)


@pytest.mark.parametrize("name", COMPARABLE)
def test_equal_models_are_an_even_match(name):
    labels, a, _ = two_models(np.random.default_rng(4), 100)
    found = compare(metric(name), labels, a, a, draws=20)
    assert (found.difference, found.lower, found.upper) == (0, 0, 0)
    assert found.probability_better == 0.5


@pytest.mark.parametrize("name", ["brier", "roc_auc", "average_precision", "calibration_gap"])
def test_an_equal_model_seldom_seems_better(name):
    rng = np.random.default_rng(5)
    claims = []
    for _ in range(100):
        labels, a, b = two_models(rng, 250, 1.0, 1.0)
        claims.append(compare(metric(name), labels, a, b, draws=100).lower > 0)
    assert np.mean(claims) <= 0.095


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_analytic_comparisons_agree_with_the_bootstrap(name):
    labels, a, b = two_models(np.random.default_rng(6), 600, 0.5, 0.8)
    plain = Metric("plain", "higher", "labels", lambda *rows: metric(name).function(*rows))
    analytic = compare(metric(name), labels, a, b)
    resampled = compare(plain, labels, a, b, draws=300)
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
    first, again = (compare(metric("brier"), *rows, draws=50) for _ in "ab")
    assert first == again
    assert first != compare(metric("brier"), *rows, draws=50, seed=1)


@pytest.mark.parametrize("name", ["brier", "calibration_gap"])
def test_huge_comparisons_are_drawn_from_the_normal_law(name, monkeypatch):
    rows = two_models(np.random.default_rng(9), 2_000, 0.5, 0.8)
    resampled = compare(metric(name), *rows, draws=500)
    monkeypatch.setattr("trueup.statistics.pairs._MOST_RESAMPLED", 1_000)
    normal = compare(metric(name), *rows, draws=500)
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
    found = compare(metric(name), labels, scores, scores)
    assert math.isnan(found.difference)
    assert (found.lower, found.upper, found.probability_better) == (-math.inf, math.inf, 0.5)


def test_no_model_wins_by_a_rate_that_is_neither_good_nor_bad():
    with pytest.raises(ValueError, match="no better direction"):
        compare(metric("prevalence"), [0, 1], [0.1, 0.2], [0.3, 0.4])


def test_no_model_wins_by_latency_on_shared_rows():
    with pytest.raises(ValueError, match="measured on calls"):
        compare(metric("latency_p95_ms"), [0, 1], [0.1, 0.2], [0.3, 0.4])


# --- the rules


@pytest.mark.parametrize("name", ["brier", "accuracy", "log_loss"])
def test_the_t_rule_is_scipys_paired_t(name):
    labels, a, b = two_models(np.random.default_rng(10), 200, 0.5, 0.8)
    chosen = metric(name)
    sign = 1 if chosen.better == "higher" else -1
    of_a, of_b = (sign * chosen.values(labels, scores) for scores in (a, b))
    wanted = stats.ttest_rel(of_a, of_b, alternative="greater")
    found = compare(chosen, labels, a, b, "t", confidence=0.9)
    assert found.p_value == pytest.approx(wanted.pvalue, abs=1e-9)
    assert found.lower == pytest.approx(wanted.confidence_interval(0.9).low, abs=1e-9)
    assert found.difference == pytest.approx((of_a - of_b).mean(), abs=1e-12)


def test_mcnemars_rule_is_the_exact_binomial_test():
    labels, a, b = two_models(np.random.default_rng(11), 400, 0.5, 0.9)
    right = [metric("accuracy").values(labels, scores) for scores in (a, b)]
    won, lost = int(np.sum(right[0] > right[1])), int(np.sum(right[1] > right[0]))
    wanted = stats.binomtest(won, won + lost, alternative="greater")
    found = compare(metric("accuracy"), labels, a, b, "mcnemar")
    assert found.p_value == pytest.approx(wanted.pvalue, abs=1e-9)
    low = wanted.proportion_ci(0.95, method="exact").low
    assert found.lower == pytest.approx((2 * low - 1) * (won + lost) / 400, abs=1e-9)
    assert (found.lower > 0) == (wanted.pvalue < 0.05)
    assert found.difference == pytest.approx((won - lost) / 400)


def test_models_that_are_right_alike_are_an_even_match_to_mcnemar():
    found = paired_mcnemar([0.0] * 50)
    assert (found.difference, found.lower, found.upper, found.p_value) == (0, 0, 0, 1)
    assert math.isnan(paired_mcnemar([]).difference)
    assert math.isnan(paired_t([1.0]).difference)


@pytest.mark.parametrize(
    ("name", "rule", "why"),
    [
        ("brier", "delong", "roc_auc"),
        ("roc_auc", "mcnemar", "accuracy, top_accuracy"),
        ("roc_auc", "t", "means over rows"),
        ("bias", "t", "means over rows"),
        ("prevalence", "", "no better direction"),
        ("brier", "wilcoxon", "there is no rule 'wilcoxon'"),
    ],
)
def test_a_rule_that_cannot_compare_by_a_metric_says_why(name, rule, why):
    assert why in why_not(metric(name), rule)
    with pytest.raises(ValueError, match=r"wilcoxon|delong|mcnemar|means|direction"):
        compare(metric(name), [0, 1], [0.1, 0.2], [0.3, 0.4], rule)


@pytest.mark.parametrize(
    ("name", "rule"),
    [("roc_auc", "paired-bootstrap"), ("f1", "paired-bootstrap"), ("rmse", "paired-bootstrap")],
)
def test_a_bootstrap_that_is_asked_for_agrees_with_what_follows_from_slopes(name, rule):
    labels, a, b = two_models(np.random.default_rng(12), 400, 0.5, 0.8)
    quick = compare(metric(name), labels, a, b)
    drawn = compare(metric(name), labels, a, b, rule, draws=200)
    width = quick.upper - quick.lower
    assert drawn.difference == pytest.approx(quick.difference)
    assert drawn.lower == pytest.approx(quick.lower, abs=0.2 * width)


def test_rankings_are_compared_group_by_group():
    rng = np.random.default_rng(13)
    groups = np.repeat(np.arange(60), 6)
    labels = rng.integers(0, 3, 360).astype(float)
    a, b = (labels + rng.normal(0, s, 360) for s in (0.5, 3))
    ndcg = metric("ndcg")
    found = compare(ndcg, labels, a, b, "t", beside=groups)
    assert found.lower > 0
    values = [ndcg.values(labels, s, groups.astype(float)) for s in (a, b)]
    assert found.difference == pytest.approx(np.mean(values[0] - values[1]))


@pytest.mark.parametrize("rule", ["mcnemar", "t", "paired-bootstrap"])
def test_equal_models_seldom_win_by_any_rule(rule):
    rng = np.random.default_rng(14)
    wins = []
    for _ in range(150):
        labels, a, b = two_models(rng, 200, 1.0, 1.0)
        wins.append(compare(metric("accuracy"), labels, a, b, rule, draws=100).lower > 0)
    assert np.mean(wins) <= 0.1
