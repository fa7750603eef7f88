"""One metric, the same number from rows and from counts, with an honest error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from trueup.statistics.metrics import METRICS, metric, quantile_from_histogram, rows
from trueup.statistics.metrics.binary import precision_influence

few = settings(max_examples=15, deadline=None)
weighted_rows = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 0.1, 0.5, 0.7, 1]), st.integers(0, 4)),
    min_size=1,
    max_size=20,
)
# What a histogram of scores gives: the metrics of one probability, and the latency.
COUNTED = [name for name, made in METRICS.items() if made.is_counted]
ORACLES = {
    "roc_auc": sklearn.roc_auc_score,
    "average_precision": sklearn.average_precision_score,
    "brier": sklearn.brier_score_loss,
    "log_loss": lambda y, s, **also: sklearn.log_loss(y, s, labels=[0, 1], **also),
    "accuracy": lambda y, s, **also: sklearn.accuracy_score(y, s >= 0.5, **also),
    "prevalence": lambda y, s, sample_weight=None: np.average(y, weights=sample_weight),
    "calibration_gap": lambda y, s, sample_weight=None: abs(
        np.average(s - y, weights=sample_weight)
    ),
}


def drawn(rng: np.random.Generator, n: int, tilt: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and calibrated scores: probabilities of a logistic model."""
    scores = 1 / (1 + np.exp(-tilt * rng.normal(size=n)))
    return (rng.random(n) < scores).astype(float), scores


@pytest.mark.parametrize("name", ORACLES)
def test_metrics_are_those_of_scikit_learn(name):
    rng = np.random.default_rng(1)
    for digits in (1, 6):
        labels, scores = drawn(rng, 300)
        scores = scores.round(digits)
        weights = rng.integers(1, 5, 300)
        assert metric(name)(labels, scores).value == pytest.approx(ORACLES[name](labels, scores))
        assert metric(name)(labels, scores, weights).value == pytest.approx(
            ORACLES[name](labels, scores, sample_weight=weights)
        )


@pytest.mark.parametrize("name", COUNTED)
@few
@given(weighted_rows)
def test_one_row_of_weight_k_is_k_rows(name, data):
    labels, scores, weights = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    copies = weights.astype(int)
    binned = metric(name)(labels, scores, weights)
    single = metric(name)(np.repeat(labels, copies), np.repeat(scores, copies))
    assert (binned.n, binned.positives) == (single.n, single.positives)
    assert binned.value == pytest.approx(single.value, nan_ok=True, abs=1e-12)
    assert binned.standard_error == pytest.approx(single.standard_error, abs=1e-12)


@pytest.mark.parametrize("name", COUNTED)
def test_the_order_of_rows_does_not_matter(name):
    rng = np.random.default_rng(2)
    labels, scores = drawn(rng, 200)
    order = rng.permutation(200)
    forward, shuffled = metric(name)(labels, scores), metric(name)(labels[order], scores[order])
    assert shuffled.value == pytest.approx(forward.value, rel=1e-12)
    assert shuffled.standard_error == pytest.approx(forward.standard_error, rel=1e-9)


# A gap and a latency have tests of their own: of a true gap, and of times that spread as times do.
@pytest.mark.parametrize(
    "name", [name for name in COUNTED if name not in ("calibration_gap", "latency_p95_ms")]
)
@pytest.mark.parametrize("n", [300, 1_000])
def test_the_standard_error_is_the_spread_of_repeated_samples(name, n):
    rng = np.random.default_rng(n)
    # Scores that are too sure, so that even the calibration error is well above its chance level.
    samples = [drawn(rng, n) for _ in range(250)]
    found = [metric(name)(y, (1.6 * (s - 0.5) + 0.5).clip(0.04, 0.96)) for y, s in samples]
    values = np.array([estimate.value for estimate in found])
    errors = np.array([estimate.standard_error for estimate in found])
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.15)
    if name != "calibration_error":  # which is above its limit by chance, as documented
        covered = np.abs(values - values.mean()) <= 1.96 * errors
        assert covered.mean() == pytest.approx(0.95, abs=0.035)


def test_the_calibration_gap_covers_a_true_gap():
    rng = np.random.default_rng(4)
    found = [metric("calibration_gap")(y, s**2) for y, s in (drawn(rng, 300) for _ in range(300))]
    values = np.array([estimate.value for estimate in found])
    errors = np.array([estimate.standard_error for estimate in found])
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)


@pytest.mark.parametrize("n", [50, 300, 5_000])
@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_the_latency_error_covers_on_both_sides(n, spread):
    rng = np.random.default_rng(n)
    truth = math.exp(spread * 1.6449)
    found = [metric("latency_p95_ms")(np.zeros(n), rng.lognormal(0, spread, n)) for _ in range(500)]
    values = np.array([estimate.value for estimate in found])
    errors = np.array([estimate.standard_error for estimate in found])
    assert np.mean(values + 1.645 * errors >= truth) >= 0.95 - 0.025
    assert np.mean(values - 1.645 * errors <= truth) >= 0.95 - 0.025
    assert np.median(errors) <= 2 * values.std()  # safe, and not useless


def test_the_latency_quantile_is_hazens():
    times = np.random.default_rng(3).lognormal(1, 0.5, 400)
    found = metric("latency_p95_ms")(np.zeros(400), times)
    low, middle, high = (
        np.quantile(times, 0.95 + step * math.sqrt(0.95 * 0.05 / 400), method="hazen")
        for step in (-1, 0, 1)
    )
    assert found.value == pytest.approx(middle)
    assert found.standard_error == pytest.approx(max(high - middle, middle - low))
    assert found.n == 400


def test_a_few_slow_calls_do_not_drag_the_quantile_along():
    latency = metric("latency_p95_ms")
    assert latency([0, 0], [3.0, 90.0], [96, 4]).value == 3
    assert latency([0, 0], [3.0, 90.0], [90, 10]).value == 90


def test_fewer_than_37_calls_cannot_tell_how_slow_the_slowest_are():
    latency = metric("latency_p95_ms")
    assert latency(np.zeros(36), np.arange(36.0)).standard_error == math.inf
    assert latency(np.zeros(37), np.arange(37.0)).standard_error < math.inf


@pytest.mark.parametrize("time", [-1.0, math.nan, math.inf])
def test_a_time_that_is_none_is_refused(time):
    with pytest.raises(ValueError, match="scores must lie"):
        metric("latency_p95_ms")([0.0], [time])


def test_the_error_of_a_mean_is_that_of_its_rows():
    labels, scores = drawn(np.random.default_rng(9), 30)
    surprise = -np.log(np.where(labels == 1, scores, 1 - scores))
    assert metric("log_loss")(labels, scores).standard_error == pytest.approx(
        surprise.std(ddof=1) / math.sqrt(30)
    )


def test_the_roc_error_is_delongs():
    labels, scores = drawn(np.random.default_rng(5), 120)
    scores = scores.round(1)
    ours = metric("roc_auc")(labels, scores)
    positives, negatives = scores[labels == 1], scores[labels == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    of_positives, of_negatives = wins.mean(axis=1), wins.mean(axis=0)
    variance = of_positives.var(ddof=1) / positives.size + of_negatives.var(ddof=1) / negatives.size
    assert ours.value == pytest.approx(wins.mean())
    assert ours.standard_error == pytest.approx(math.sqrt(variance))


def test_the_precision_influence_is_the_derivative_by_each_weight():
    labels, scores = drawn(np.random.default_rng(6), 40)
    scores, weights, step = scores.round(1), np.ones(40), 1e-6
    function = METRICS["average_precision"].function
    influence = precision_influence(labels, scores, weights)
    for row in range(40):
        moved = weights.copy()
        moved[row] += step
        slope = (
            function(labels, scores, moved).value - function(labels, scores, weights).value
        ) / step
        assert influence[row] == pytest.approx(slope, abs=1e-5)


def test_the_calibration_error_is_the_mean_gap_of_ten_equal_groups():
    labels, scores = drawn(np.random.default_rng(7), 400)
    order = np.argsort(scores)
    groups = zip(np.split(labels[order], 10), np.split(scores[order], 10), strict=True)
    expected = np.mean([abs(y.mean() - s.mean()) for y, s in groups])
    assert metric("calibration_error")(labels, scores).value == pytest.approx(expected)


def test_equal_scores_are_one_group_of_the_calibration_error():
    assert metric("calibration_error")([0, 1] * 20, [0.5] * 40).value == 0


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_ranking_without_positives_is_undefined(name):
    estimate = metric(name)([0, 0], [0.1, 0.2])
    assert math.isnan(estimate.value)
    assert (estimate.standard_error, estimate.n, estimate.positives) == (math.inf, 2, 0)


def test_a_ranking_without_negatives_is_undefined():
    assert math.isnan(metric("roc_auc")([1, 1], [0.1, 0.2]).value)


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("weights", [[], [0, 0]])
def test_without_rows_everything_is_undefined(name, weights):
    estimate = metric(name)(np.ones(len(weights)), np.ones(len(weights)), weights)
    assert math.isnan(estimate.value)
    assert (estimate.standard_error, estimate.n) == (math.inf, 0)


@pytest.mark.parametrize("name", COUNTED)
def test_one_row_tells_nothing_about_the_error(name):
    assert metric(name)([1], [0.7]).standard_error == math.inf


@pytest.mark.parametrize("name", ["accuracy", "brier", "prevalence", "calibration_gap"])
def test_rows_without_a_miss_leave_the_doubt_of_the_rule_of_three(name):
    estimate = metric(name)(np.zeros(100), np.zeros(100))
    assert 1.645 * estimate.standard_error == pytest.approx(0.033, abs=1e-3)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_perfect_ranking_of_few_rows_is_not_certain(name):
    estimate = metric(name)([0] * 5 + [1] * 5, np.arange(10) / 10)
    assert (estimate.value, estimate.standard_error) == (1, 0.1)


@pytest.mark.parametrize(
    ("labels", "scores", "weights", "message"),
    [
        ([0, 1], [0.5], None, "differ in shape"),
        ([0, 2], [0.5, 0.5], None, "labels must lie"),
        ([0, math.nan], [0.5, 0.5], None, "labels must lie"),
        ([0, 1], [0.5, 1.5], None, "scores must lie"),
        ([0, 1], [0.5, math.nan], None, "scores must lie"),
        ([0, 1], [0.5, 0.5], [1, -1], "weights must be"),
        ([0, 1], [0.5, 0.5], [1, math.inf], "weights must be"),
    ],
)
def test_malformed_rows_are_refused(labels, scores, weights, message):
    with pytest.raises(ValueError, match=message):
        rows(labels, scores, weights)


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(LookupError, match="did you mean 'roc_auc'"):
        metric("rocauc")
    with pytest.raises(LookupError, match="known: roc_auc, "):
        metric("zzz")


@few
@given(st.lists(st.integers(0, 99), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_histogram_quantile_is_within_its_bin(values, q):
    counts, edges = np.histogram(values, bins=10, range=(0, 100))
    exact = np.quantile(values, q, method="inverted_cdf")
    cell = int(exact // 10)
    assert edges[cell] <= quantile_from_histogram(edges, counts, q) <= edges[cell + 1]


def test_histogram_quantiles_at_the_ends():
    assert quantile_from_histogram([0, 1, 2, 3], [0, 4, 0], 0) == 1
    assert quantile_from_histogram([0, 1, 2, 3], [0, 4, 0], 1) == 2
    assert quantile_from_histogram([0, 1, math.inf], [1, 1], 0.99) == 1
    assert math.isnan(quantile_from_histogram([0, 1], [0], 0.5))
    with pytest.raises(ValueError, match="do not fit"):
        quantile_from_histogram([0, 1], [1, 1], 0.5)
