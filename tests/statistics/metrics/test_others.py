"""Metrics of decisions, classes, numbers, levels and rankings: scikit-learn's, with their error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn

from trueup.statistics.metrics import METRICS, metric

LEVELS = np.array([0.1, 0.5, 0.9])


def two(rng, n):
    scores = 1 / (1 + np.exp(-rng.normal(size=n)))
    return (rng.random(n) < scores).astype(float), scores, None


def several(rng, n):
    raw = rng.gamma([1.0, 2.0, 1.5, 0.7], size=(n, 4))
    scores = raw / raw.sum(axis=1, keepdims=True)
    labels = (rng.random((n, 1)) > scores.cumsum(axis=1)).sum(axis=1)
    return labels.clip(0, 3).astype(float), scores, None


def numbers(rng, n):
    scores = rng.normal(20, 2, n)
    return scores + rng.normal(0.2, 1, n), scores, None


def levels(rng, n):
    middle = rng.normal(size=n)
    scores = middle[:, np.newaxis] + 1.1 * stats.norm.ppf(LEVELS)
    return middle + rng.normal(size=n), scores, LEVELS


def ranked(rng, n):
    groups = np.repeat(np.arange(n), 8)
    labels = rng.integers(0, 4, groups.size).astype(float)
    return labels, labels + rng.normal(0, 2, groups.size), groups.astype(float)


ROWS = {
    "binary": two,
    "multiclass": several,
    "regression": numbers,
    "quantile": levels,
    "ranking": ranked,
}


def decided(score, **also):
    return lambda y, s, w: score(y, s >= 0.5, sample_weight=w, **also)


def chosen(score, **also):
    return lambda y, s, w: score(y, s.argmax(axis=1), sample_weight=w, **also)


def predicted(score, **also):
    return lambda y, s, w: score(y, s, sample_weight=w, **also)


ORACLES = {
    ("precision", "binary"): decided(sklearn.precision_score),
    ("recall", "binary"): decided(sklearn.recall_score),
    ("specificity", "binary"): decided(sklearn.recall_score, pos_label=0),
    ("f1", "binary"): decided(sklearn.f1_score),
    ("f_beta", "binary"): decided(sklearn.fbeta_score, beta=2),
    ("precision@0.3", "binary"): lambda y, s, w: sklearn.precision_score(
        y, s >= 0.3, sample_weight=w
    ),
    ("f_beta@0.5", "binary"): decided(sklearn.fbeta_score, beta=0.5),
    ("balanced_accuracy", "binary"): decided(sklearn.balanced_accuracy_score),
    ("mcc", "binary"): decided(sklearn.matthews_corrcoef),
    ("kappa", "binary"): decided(sklearn.cohen_kappa_score),
    ("accuracy", "multiclass"): chosen(sklearn.accuracy_score),
    ("balanced_accuracy", "multiclass"): chosen(sklearn.balanced_accuracy_score),
    ("mcc", "multiclass"): chosen(sklearn.matthews_corrcoef),
    ("kappa", "multiclass"): chosen(sklearn.cohen_kappa_score),
    ("macro_f1", "multiclass"): chosen(sklearn.f1_score, average="macro"),
    ("weighted_f1", "multiclass"): chosen(sklearn.f1_score, average="weighted"),
    ("log_loss", "multiclass"): predicted(sklearn.log_loss, labels=[0, 1, 2, 3]),
    ("brier", "multiclass"): predicted(sklearn.brier_score_loss, labels=[0, 1, 2, 3]),
    ("ovr_roc_auc", "multiclass"): predicted(
        sklearn.roc_auc_score, multi_class="ovr", labels=[0, 1, 2, 3]
    ),
    ("top_accuracy@2", "multiclass"): predicted(sklearn.top_k_accuracy_score, k=2),
    ("mae", "regression"): predicted(sklearn.mean_absolute_error),
    ("mse", "regression"): predicted(sklearn.mean_squared_error),
    ("rmse", "regression"): predicted(sklearn.root_mean_squared_error),
    ("r2", "regression"): predicted(sklearn.r2_score),
    ("mape", "regression"): predicted(sklearn.mean_absolute_percentage_error),
    ("smape", "regression"): lambda y, s, w: np.average(
        2 * np.abs(y - s) / (np.abs(y) + np.abs(s)), weights=w
    ),
    ("bias", "regression"): lambda y, s, w: abs(np.average(s - y, weights=w)),
    ("max_error", "regression"): lambda y, s, w: sklearn.max_error(y, s),
    ("median_absolute_error", "regression"): lambda y, s, w: np.median(
        np.repeat(np.abs(y - s), np.ones(y.size, int) if w is None else w)
    ),
    ("pinball", "quantile"): lambda y, s, w: np.mean(
        [
            sklearn.mean_pinball_loss(y, s[:, i], sample_weight=w, alpha=level)
            for i, level in enumerate(LEVELS)
        ]
    ),
    ("coverage", "quantile"): lambda y, s, w: np.average(
        (s[:, 0] <= y) & (y <= s[:, -1]), weights=w
    ),
    ("coverage_gap", "quantile"): lambda y, s, w: abs(
        np.average((s[:, 0] <= y) & (y <= s[:, -1]), weights=w) - 0.8
    ),
    ("interval_width", "quantile"): lambda y, s, w: np.average(s[:, -1] - s[:, 0], weights=w),
    ("winkler", "quantile"): lambda y, s, w: np.average(
        (s[:, -1] - s[:, 0]) + 2 / 0.2 * (np.maximum(s[:, 0] - y, 0) + np.maximum(y - s[:, -1], 0)),
        weights=w,
    ),
}
RANKED = {
    "ndcg@5": lambda y, s: sklearn.ndcg_score([y], [s], k=5),
    "ndcg": lambda y, s: sklearn.ndcg_score([y], [s]),
    "mrr": lambda y, s: 1 / (1 + np.flatnonzero(y[np.argsort(-s)] > 0)[0]),
    "precision_at@3": lambda y, s: np.mean(y[np.argsort(-s)][:3] > 0),
    "map": lambda y, s: sklearn.average_precision_score(y > 0, s),
}


def test_every_metric_has_an_oracle():
    tried = {name.partition("@")[0] for name, _ in ORACLES} | {n.partition("@")[0] for n in RANKED}
    of_binary = {"roc_auc", "average_precision", "calibration_gap", "calibration_error"}
    assert set(METRICS) == tried | of_binary | {"prevalence", "latency_p95_ms"}


@pytest.mark.parametrize(("name", "task"), ORACLES)
def test_metrics_are_those_of_the_oracle(name, task):
    rng = np.random.default_rng(1)
    labels, scores, beside = ROWS[task](rng, 400)
    weights = rng.integers(1, 5, 400)
    oracle = ORACLES[name, task]
    found = metric(name)(labels, scores, beside=beside)
    assert found.value == pytest.approx(oracle(labels, scores, None), abs=1e-9)
    weighted = metric(name)(labels, scores, weights, beside)
    assert weighted.value == pytest.approx(oracle(labels, scores, weights), abs=1e-9)
    assert (found.n, weighted.n) == (400, weights.sum())


@pytest.mark.parametrize("name", RANKED)
def test_a_ranking_is_the_mean_over_its_groups(name):
    labels, scores, groups = ranked(np.random.default_rng(2), 60)
    labels[groups == 7] = 0  # nothing to find there: it does not count
    found = metric(name)(labels, scores, beside=groups)
    parts = [(labels[groups == g], scores[groups == g]) for g in range(60) if g != 7]
    values = [RANKED[name](*part) for part in parts]
    assert found.value == pytest.approx(np.mean(values), abs=1e-9)
    spread = np.std(values, ddof=1) / math.sqrt(59)
    assert found.standard_error == pytest.approx(max(spread, 2 / 59), abs=1e-9)
    assert found.n == 59


def test_scores_that_are_alike_rank_nothing_whatever_the_order_of_the_rows():
    labels = [3.0, 2.0, 1.0, 0.0]
    ndcg = metric("ndcg")
    assert ndcg(labels, [0.0] * 4, beside=[1.0] * 4).value < 0.7
    assert ndcg(labels, [4.0, 3.0, 2.0, 1.0], beside=[1.0] * 4).value == 1


SPREADING = [
    (name, task)
    for name, task in ORACLES
    if name not in ("max_error", "bias", "coverage_gap", "precision@0.3", "f_beta@0.5")
]


@pytest.mark.parametrize(("name", "task"), SPREADING)
def test_the_error_is_the_spread_of_repeated_samples(name, task):
    rng = np.random.default_rng(3)
    found = [
        metric(name)(labels, scores, beside=beside)
        for labels, scores, beside in (ROWS[task](rng, 300) for _ in range(200))
    ]
    values = np.array([estimate.value for estimate in found])
    errors = np.array([estimate.standard_error for estimate in found])
    far = 0.35 if name in ("mape", "median_absolute_error") else 0.2  # which have long tails
    assert np.median(errors) == pytest.approx(values.std(), rel=far)


def test_the_largest_error_is_bounded_by_its_distance_to_the_second_largest():
    rng = np.random.default_rng(4)
    largest = metric("max_error")
    found = [largest(np.zeros(50), rng.random(50)) for _ in range(400)]
    bounds = np.array([each.value + 1.645 * each.standard_error for each in found])
    assert np.mean(bounds >= 1) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("name", "task"), ORACLES)
def test_one_row_proves_nothing_and_none_defines_nothing(name, task):
    labels, scores, beside = ROWS[task](np.random.default_rng(5), 3)
    assert metric(name)(labels[:1], scores[:1], beside=beside).standard_error == math.inf
    assert math.isnan(metric(name)(labels[:0], scores[:0], beside=beside).value)


@pytest.mark.parametrize("name", RANKED)
def test_one_group_proves_nothing_and_none_defines_nothing(name):
    labels, scores, groups = ranked(np.random.default_rng(5), 1)
    assert metric(name)(labels, scores, beside=groups).standard_error == math.inf
    assert math.isnan(metric(name)([], [], beside=[]).value)
    assert math.isnan(metric(name)(0 * labels, scores, beside=groups).value)


@pytest.mark.parametrize(
    ("name", "labels", "scores"),
    [
        ("precision", [0, 1], [0.1, 0.2]),
        ("recall", [0, 0], [0.1, 0.9]),
        ("f1", [0, 0], [0.1, 0.9]),
        ("balanced_accuracy", [1, 1], [0.1, 0.9]),
        ("mcc", [0, 1], [0.1, 0.2]),
        ("kappa", [1, 1], [0.8, 0.9]),
        ("r2", [3, 3], [2, 4]),
        ("ovr_roc_auc", [1, 1], [[0.2, 0.8], [0.4, 0.6]]),
    ],
)
def test_what_the_rows_do_not_define_is_undefined(name, labels, scores):
    assert math.isnan(metric(name)(labels, scores).value)


@pytest.mark.parametrize(
    ("name", "labels", "scores", "message"),
    [
        ("mae", [0.0], [math.nan], "finite"),
        ("mae", [0.0, 1.0], [0.5], "differ in shape"),
        ("macro_f1", [0, 3], [[0.5, 0.5]] * 2, "2 classes, counted from 0"),
        ("macro_f1", [0, 0.5], [[0.5, 0.5]] * 2, "2 classes, counted from 0"),
        ("accuracy", [0, 1], [[0.5, 1.5]] * 2, "scores must lie"),
        ("ndcg", [-1.0], [0.5], "relevant"),
        ("pinball", [0.0], [0.5], "differ in shape"),
    ],
)
def test_malformed_rows_are_refused(name, labels, scores, message):
    with pytest.raises(ValueError, match=message):
        metric(name)(labels, scores, beside=[0.0] * len(labels))


def test_an_argument_stands_behind_the_name():
    assert metric("precision") != metric("precision@0.3")
    assert METRICS["ndcg@5"].argument == 5
    assert "ndcg@5" in METRICS
    for wrong in ("ndcg@2.5", "ndcg@0", "precision@1.5", "precision@high", "brier@2", "ndcg@"):
        assert wrong not in METRICS
    with pytest.raises(LookupError, match="takes no argument"):
        metric("brier@2")
    with pytest.raises(LookupError, match="goes from 0 to 1"):
        metric("precision@1.5")
    with pytest.raises(LookupError, match="did you mean 'precision'"):
        metric("precison@0.5")


SMOOTH = [
    (name, task)
    for name, task in ORACLES
    if metric(name).row_value is None and name not in ("median_absolute_error", "max_error")
]


@pytest.mark.parametrize(("name", "task"), SMOOTH)
def test_slopes_are_the_derivative_by_the_weight_of_every_row(name, task):
    labels, scores, _ = ROWS[task](np.random.default_rng(6), 30)
    chosen, weights, step = metric(name), np.ones(30), 1e-6
    slopes = chosen.slopes(labels, scores, weights)
    for row in range(30):
        more, less = weights.copy(), weights.copy()
        more[row] += step
        less[row] -= step
        up, down = (chosen.estimate(labels, scores, each).value for each in (more, less))
        assert slopes[row] == pytest.approx((up - down) / (2 * step), abs=1e-6)


def test_a_thousand_classes_are_no_burden():
    """Tables of a million cells are summed, not stacked."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 1_000, 2_000).astype(float)
    scores = rng.random((2_000, 1_000))
    scores /= scores.sum(axis=1, keepdims=True)
    found = metric("macro_f1")(labels, scores)
    oracle = sklearn.f1_score(labels, scores.argmax(axis=1), average="macro")
    assert found.value == pytest.approx(oracle, abs=1e-9)
