"""Windows are sums of hours; their histograms stand for their rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from trueup.lifecycle.monitoring import counts, windows
from trueup.lifecycle.monitoring.counts import Layout, Summary
from trueup.lifecycle.monitoring.records import HourSummary
from trueup.lifecycle.monitoring.windows import Traffic, Window
from trueup.statistics.metrics import METRICS
from trueup.statistics.summaries import numeric_bins

LAYOUT = Layout({"score": numeric_bins([0.1, 0.9])})
MIDNIGHT = datetime(2013, 4, 1, tzinfo=UTC)


def summary(scores: np.ndarray, labels: np.ndarray) -> Summary:
    vectors = LAYOUT.zeros(1)
    hours = np.zeros(scores.size, dtype=np.int64)
    counts.add_rows(vectors, hours)
    counts.add_scores(vectors, hours, labels.astype(np.int64) + 1, counts.score_cells(scores))
    return Summary(LAYOUT, vectors[0])


@pytest.mark.parametrize("name", ["roc_auc", "brier", "log_loss", "accuracy", "prevalence"])
def test_a_metric_of_the_histogram_is_the_metric_of_the_rows(name: str) -> None:
    random = np.random.default_rng(3)
    scores = random.beta(2, 5, 5000)
    labels = (random.random(5000) < scores).astype(float)
    found = windows.measured(METRICS[name], summary(scores, labels))
    exact = METRICS[name](labels, scores)
    assert found.value == pytest.approx(exact.value, abs=1e-3)
    assert found.standard_error == pytest.approx(exact.standard_error, rel=0.01)
    assert found.n == 5000


def test_brier_losses_of_an_arm() -> None:
    found = summary(np.array([0.5, 0.5, 0.1]), np.array([1, 0, 1]))
    arm = windows.arm_losses(found, "flights@1", MIDNIGHT, MIDNIGHT)
    assert (arm.n, arm.labelled) == (3, 3)
    assert arm.mean == pytest.approx((0.25 + 0.25 + 0.81) / 3, abs=1e-3)
    assert arm.variance == pytest.approx(np.var([0.25, 0.25, 0.81], ddof=1), abs=1e-3)


def test_an_arm_without_labels_has_no_loss() -> None:
    arm = windows.arm_losses(Summary(LAYOUT, LAYOUT.zeros(1)[0]), "m@1", MIDNIGHT, MIDNIGHT)
    assert (arm.n, arm.labelled, arm.mean, arm.variance) == (0, 0, None, None)


def test_a_window_holds_whole_hours_of_one_version() -> None:
    vector = LAYOUT.zeros(1)[0]
    counts.add_rows(vector[None, :], np.zeros(1, dtype=np.int64))
    hours = [
        HourSummary(
            deployment="late",
            model_ref=model_ref,
            hour=MIDNIGHT + timedelta(hours=hour),
            counts=counts.pack(vector),
        )
        for hour in range(10)
        for model_ref in ("flights@1", "flights@2")
    ]
    traffic = Traffic(hours, dict.fromkeys(["flights@1", "flights@2"], LAYOUT))
    window = Window.before(MIDNIGHT + timedelta(hours=8, minutes=40), timedelta(hours=3))
    assert (window.start.hour, window.end.hour) == (5, 8)
    assert traffic.window("flights@1", window).rows == 3


def test_scores_that_are_no_probability_stay_out_of_metrics() -> None:
    found = summary(np.array([0.5, np.nan]), np.array([1, 1]))
    assert windows.measured(METRICS["brier"], found).n == 1
