"""Calibrated scores are probabilities, and estimate what labels will say."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from sklearn.isotonic import IsotonicRegression

from trueup.statistics.calibration import AS_IS, Calibrator, calibrator, estimated, isotonic
from trueup.statistics.metrics import METRICS, metric

few = settings(max_examples=20, deadline=None)
OF_LABELS = [name for name, made in METRICS.items() if made.needs == "labels" and made.is_counted]


def calibrated(rng, n):
    scores = 1 / (1 + np.exp(-1.5 * rng.normal(size=n)))
    return (rng.random(n) < scores).astype(float), scores


@few
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 12), st.integers(1, 3)),
        min_size=1,
        max_size=30,
    )
)
def test_the_isotonic_map_is_that_of_scikit_learn(data):
    labels, scores, weights = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    scores /= 12
    ours = isotonic(labels, scores, weights)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, weights)
    grid = np.linspace(0, 1, 50)
    assert ours.apply(grid) == pytest.approx(theirs.predict(grid), abs=1e-9)


def test_the_levels_are_scipys_on_many_cells():
    rng = np.random.default_rng(9)
    counts = rng.integers(1, 40, 1024).astype(float)
    positives = rng.binomial(counts.astype(int), np.linspace(0.05, 0.95, 1024)).astype(float)
    scores = np.linspace(0, 1, 1024)
    ours = isotonic(
        np.repeat([1.0, 0.0], 1024),
        np.tile(scores, 2),
        np.concatenate([positives, counts - positives]),
    )
    theirs = isotonic_regression(positives / counts, weights=counts).x
    assert ours.apply(scores) == pytest.approx(theirs, abs=1e-14)
    assert np.all(np.diff(ours.probabilities) >= 0)


def test_a_steady_fall_is_one_level():
    scores = np.linspace(0, 1, 5_000)
    assert isotonic(1 - scores, scores).probabilities == pytest.approx((0.5, 0.5))


def test_a_calibrator_of_counts_is_that_of_their_rows():
    rng = np.random.default_rng(10)
    labels, scores = calibrated(rng, 400)
    sure = np.clip(3 * (scores.round(2) - 0.5) + 0.5, 0, 1)
    weights = rng.integers(1, 4, 400)
    copies = calibrator(np.repeat(labels, weights), np.repeat(sure, weights))
    assert calibrator(labels, sure, weights) == copies != AS_IS


def test_a_calibrator_survives_json():
    made = isotonic(*calibrated(np.random.default_rng(1), 50))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Calibrator) == made


def test_calibrated_scores_are_left_alone():
    left_alone = [
        calibrator(*calibrated(np.random.default_rng(s), 300)) == AS_IS for s in range(10)
    ]
    assert sum(left_alone) >= 7


def test_scores_that_are_too_sure_are_corrected():
    labels, scores = calibrated(np.random.default_rng(2), 2_000)
    sure = np.clip(3 * (scores - 0.5) + 0.5, 0, 1)
    made = calibrator(labels, sure)
    before = metric("calibration_error")(labels, sure).value
    after = metric("calibration_error")(labels, made.apply(sure)).value
    assert after < before / 3


def test_the_same_rows_give_the_same_calibrator():
    rows = calibrated(np.random.default_rng(3), 300)
    assert calibrator(*rows) == calibrator(*rows)


def test_one_row_is_no_reason_to_calibrate():
    assert calibrator([1], [0.3]) == AS_IS


@pytest.mark.parametrize("fit", [isotonic, calibrator])
def test_no_rows_are_refused(fit):
    with pytest.raises(ValueError, match="at least one row"):
        fit([], [])


def test_estimates_are_the_ratios_of_expected_sums():
    rng = np.random.default_rng(4)
    c, scores = rng.random(60), rng.random(60)
    chosen = scores >= 0.5
    right = c[chosen].sum() + (1 - c[~chosen]).sum()
    assert estimated("accuracy", c, scores).value == pytest.approx(right / 60)
    squared = c * (1 - scores) ** 2 + (1 - c) * scores**2
    assert estimated("brier", c, scores).value == pytest.approx(squared.mean())
    surprise = -(c * np.log(scores) + (1 - c) * np.log(1 - scores))
    assert estimated("log_loss", c, scores).value == pytest.approx(surprise.mean())
    gap = abs(scores.mean() - c.mean())
    assert estimated("calibration_gap", c, scores).value == pytest.approx(gap)
    assert estimated("prevalence", c, scores).positives == pytest.approx(c.sum())


def test_the_estimated_roc_area_sorts_by_the_raw_score():
    rng = np.random.default_rng(5)
    c, scores = rng.random(60), rng.random(60)
    order = np.argsort(-scores)
    tpr = np.concatenate([[0], np.cumsum(c[order]) / c.sum()])
    fpr = np.concatenate([[0], np.cumsum(1 - c[order]) / (1 - c).sum()])
    assert estimated("roc_auc", c, scores).value == pytest.approx(np.trapezoid(tpr, fpr))


@pytest.mark.parametrize("name", OF_LABELS)
def test_certain_probabilities_are_labels(name):
    labels, scores = calibrated(np.random.default_rng(6), 100)
    certain, labelled = estimated(name, labels, scores), metric(name)(labels, scores)
    assert certain.value == pytest.approx(labelled.value)
    assert certain.standard_error == pytest.approx(labelled.standard_error)


@pytest.mark.parametrize("name", OF_LABELS)
def test_weights_are_copies(name):
    rng = np.random.default_rng(7)
    c, scores, weights = rng.random(30), rng.random(30), rng.integers(1, 4, 30)
    copies = estimated(name, np.repeat(c, weights), np.repeat(scores, weights))
    binned = estimated(name, c, scores, weights)
    assert binned.value == pytest.approx(copies.value)
    assert binned.standard_error == pytest.approx(copies.standard_error)


@pytest.mark.parametrize("name", ["roc_auc", "brier", "accuracy", "log_loss", "prevalence"])
def test_labels_confirm_the_estimate_within_its_error(name):
    rng = np.random.default_rng(8)
    surprises = []
    for _ in range(150):
        labels, scores = calibrated(rng, 300)
        guess, truth = estimated(name, scores, scores), metric(name)(labels, scores)
        surprises.append((truth.value - guess.value) / guess.standard_error)
    assert np.mean(surprises) == pytest.approx(0, abs=0.25)
    assert np.mean(np.abs(surprises) > 1.96) <= 0.07


def test_latency_is_measured_and_never_estimated():
    with pytest.raises(ValueError, match="measure it instead"):
        estimated("latency_p95_ms", [0.5], [0.5])


def test_an_unknown_metric_is_not_estimated():
    with pytest.raises(LookupError, match="no metric"):
        estimated("speed", [0.5], [0.5])
