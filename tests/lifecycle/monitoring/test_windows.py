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


def test_a_latency_of_the_histogram_is_that_of_the_requests() -> None:
    seconds = np.random.default_rng(4).lognormal(-4.5, 0.6, 4000)
    vectors = LAYOUT.zeros(1)
    counts.add_seconds(vectors, np.zeros(4000, dtype=np.int64), seconds)
    found = windows.measured(METRICS["latency_p95_ms"], Summary(LAYOUT, vectors[0]))
    exact = METRICS["latency_p95_ms"](np.zeros(4000), 1000 * seconds)
    assert found.value == pytest.approx(exact.value, rel=0.02)
    assert found.standard_error == pytest.approx(exact.standard_error, rel=0.3)
    assert found.n == 4000


def test_a_latency_beyond_the_last_bin_is_its_lower_edge() -> None:
    vectors = LAYOUT.zeros(1)
    counts.add_seconds(vectors, np.zeros(50, dtype=np.int64), np.full(50, 900.0))
    found = windows.measured(METRICS["latency_p95_ms"], Summary(LAYOUT, vectors[0]))
    assert found.value == pytest.approx(100_000)


@pytest.mark.parametrize("name", ["roc_auc", "brier", "calibration_gap", "calibration_error"])
def test_a_metric_by_day_is_the_metric_of_the_window_with_a_wider_error(name: str) -> None:
    random = np.random.default_rng(5)
    days = []
    for storm in random.normal(0, 0.2, 10):
        scores = random.beta(2, 5, 300)
        days.append(summary(scores, random.random(300) < np.clip(scores + storm, 0, 1)))
    whole = Summary(LAYOUT, np.sum([day.vector for day in days], axis=0))
    by_day = windows.measured_by_day(METRICS[name], days)
    of_rows = windows.measured(METRICS[name], whole)
    assert (by_day.value, by_day.n) == (of_rows.value, of_rows.n)
    assert by_day.degrees_of_freedom == 9
    assert by_day.standard_error > of_rows.standard_error


def test_no_days_measure_nothing() -> None:
    assert windows.measured_by_day(METRICS["roc_auc"], []).n == 0


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


def test_the_days_of_a_window_are_24_hours_from_its_start() -> None:
    vector = LAYOUT.zeros(1)[0]
    counts.add_rows(vector[None, :], np.zeros(1, dtype=np.int64))
    raw = counts.pack(vector)
    hours = [
        HourSummary(
            deployment="late",
            model_ref="flights@1",
            hour=MIDNIGHT + timedelta(hours=hour),
            counts=raw,
        )
        for hour in range(72)
    ]
    traffic = Traffic(hours, {"flights@1": LAYOUT})
    window = Window(MIDNIGHT + timedelta(hours=4), MIDNIGHT + timedelta(hours=62))
    assert [day.rows for day in traffic.days("flights@1", window)] == [24, 24, 10]
    assert traffic.window("flights@1", window).rows == 58
    assert traffic.window("flights@1", window).rows == 58  # asking again counts nothing twice


def test_scores_that_are_no_probability_stay_out_of_metrics() -> None:
    found = summary(np.array([0.5, np.nan]), np.array([1, 1]))
    assert windows.measured(METRICS["brier"], found).n == 1
