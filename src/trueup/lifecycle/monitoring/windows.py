"""Windows over hours of counts: any window is a sum. Pure.

Labels and scores come out as weighted rows at the middles of the score bins, in the form that every
metric takes. Read `evaluation.py` next: what is asked of the windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from trueup.lifecycle.monitoring.counts import (
    LATENCY_CELLS,
    LATENCY_EDGES,
    NEGATIVE,
    POSITIVE,
    SCORE_BINS,
    SCORE_MIDDLES,
    FloatArray,
    Layout,
    Summary,
    unpack_into,
)
from trueup.lifecycle.monitoring.records import ArmLosses, HourSummary
from trueup.statistics.metrics import Estimate, Metric

HOUR = timedelta(hours=1)
Rows = tuple[FloatArray, FloatArray, FloatArray]  # labels, scores, weights


@dataclass(frozen=True)
class Window:
    """From `start` to before `end`, in the time of the traffic."""

    start: datetime
    end: datetime

    @classmethod
    def before(cls, end: datetime, length: timedelta) -> Window:
        """The window of that length that ends with the last whole hour before `end`."""
        last = end.replace(minute=0, second=0, microsecond=0)
        return cls(last - length, last)


@dataclass(frozen=True)
class Traffic:
    """The hours of a deployment, oldest first, and what their counts mean."""

    hours: Sequence[HourSummary]
    layouts: Mapping[str, Layout]

    def window(self, model_ref: str, window: Window) -> Summary:
        """The counts of one model version over the whole hours of a window."""
        layout = self.layouts[model_ref]
        vector = layout.zeros(1)[0]
        for hour in self.hours:
            if hour.model_ref == model_ref and window.start <= hour.hour < window.end:
                unpack_into(vector, hour.counts)
        return Summary(layout, vector)

    def busiest(self, window: Window) -> list[str]:
        """The model versions with rows in a window, the busiest first."""
        rows: dict[str, int] = {}
        for model_ref in dict.fromkeys(hour.model_ref for hour in self.hours):
            count = self.window(model_ref, window).rows
            if count:
                rows[model_ref] = count
        return sorted(rows, key=lambda model_ref: (-rows[model_ref], model_ref))


def labelled_rows(summary: Summary) -> Rows:
    """The predictions whose label is known, as weighted rows."""
    scores = summary.scores[:, :SCORE_BINS]
    labels = np.repeat([0.0, 1.0], SCORE_BINS)
    weights = np.concatenate([scores[NEGATIVE], scores[POSITIVE]]).astype(np.float64)
    return _filled(labels, np.tile(SCORE_MIDDLES, 2), weights)


def all_rows(summary: Summary) -> Rows:
    """All predictions as weighted rows, labels left at 0."""
    weights = summary.scores[:, :SCORE_BINS].sum(axis=0).astype(np.float64)
    return _filled(np.zeros(SCORE_BINS), SCORE_MIDDLES, weights)


def request_seconds(summary: Summary) -> Rows:
    """Answered requests as weighted rows with their seconds in the place of scores."""
    upper = np.where(np.isinf(LATENCY_EDGES[1:]), LATENCY_EDGES[:-1], LATENCY_EDGES[1:])
    middles = (LATENCY_EDGES[:-1] + upper) / 2
    return _filled(np.zeros(LATENCY_CELLS), middles, summary.latency.astype(np.float64))


def measured(metric: Metric, summary: Summary) -> Estimate:
    """A metric over a window, by the function that the gate calls."""
    if metric.needs == "latency":
        return metric.function(*request_seconds(summary))
    return metric.function(*(labelled_rows if metric.needs == "labels" else all_rows)(summary))


def brier_losses(summary: Summary) -> tuple[int, float | None, float | None]:
    """How many predictions have labels, and mean and variance of their Brier loss."""
    labels, scores, weights = labelled_rows(summary)
    n = int(weights.sum())
    if n == 0:
        return 0, None, None
    losses = (scores - labels) ** 2
    mean = float(weights @ losses / n)
    variance = float(weights @ (losses - mean) ** 2 / (n - 1)) if n > 1 else None
    return n, mean, variance


def arm_losses(summary: Summary, model_ref: str, start: datetime, end: datetime) -> ArmLosses:
    """How one model version did in a window."""
    labelled, mean, variance = brier_losses(summary)
    return ArmLosses(
        model_ref=model_ref,
        start=start,
        end=end,
        n=summary.rows,
        labelled=labelled,
        mean=mean,
        variance=variance,
        requests=summary.requests,
        failures=summary.failures,
        failed_rows=summary.failed_rows,
    )


def positives(summary: Summary) -> tuple[int, int]:
    """How many labels are 1, and how many are known."""
    return int(summary.scores[POSITIVE].sum()), summary.labelled


def _filled(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Rows:
    kept = weights > 0
    return labels[kept], scores[kept], weights[kept]
