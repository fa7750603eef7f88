"""Windows over hours of counts: any window is a sum. Pure.

Labels and scores come out as weighted rows at the middles of the score bins, in the form that every
metric takes. Read `evaluation.py` next: what is asked of the windows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

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
from trueup.statistics.blocks import jackknife
from trueup.statistics.metrics import Estimate, Metric

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
Rows = tuple[FloatArray, FloatArray, FloatArray]  # labels, scores, weights

_LABELLED: Final = np.repeat([0.0, 1.0], SCORE_BINS), np.tile(SCORE_MIDDLES, 2)
# Requests are spread evenly inside their bin: a quantile can then be known better than to a bin.
_MARKS: Final = 16
_UPPER: Final = np.append(LATENCY_EDGES[1:-1], LATENCY_EDGES[-2])  # the last bin has no end
_SECONDS: Final = np.linspace(LATENCY_EDGES[:-1], _UPPER, 2 * _MARKS + 1, axis=1)[:, 1::2]
_TIMED: Final = np.zeros(LATENCY_CELLS * _MARKS), 1000 * _SECONDS.ravel()


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
        vector = self.layouts[model_ref].zeros(1)[0]
        for day in self.days(model_ref, window):
            vector += day.vector
        return Summary(self.layouts[model_ref], vector)

    def days(self, model_ref: str, window: Window) -> list[Summary]:
        """The counts of one model version by day of a window: 24 hours from its start on."""
        days = []
        start = window.start
        while start < window.end:
            end = min(start + DAY, window.end)
            days.append(self._part(model_ref, Window(start, end)))
            start = end
        return days

    def _part(self, model_ref: str, part: Window) -> Summary:
        # The windows of an evaluation overlap, so most days are asked for many times.
        key = model_ref, part
        if key not in self._parts:
            hours, packed = self._packed.get(model_ref, ([], []))
            first, last = bisect_left(hours, part.start), bisect_left(hours, part.end)
            layout = self.layouts[model_ref]
            vector = layout.zeros(1)[0]
            unpack_into(vector, *packed[first:last])
            self._parts[key] = Summary(layout, vector)
        return self._parts[key]

    @cached_property
    def _parts(self) -> dict[tuple[str, Window], Summary]:
        return {}

    @cached_property
    def _packed(self) -> dict[str, tuple[list[datetime], list[bytes]]]:
        packed: dict[str, tuple[list[datetime], list[bytes]]] = {}
        for hour in self.hours:
            hours, counts = packed.setdefault(hour.model_ref, ([], []))
            hours.append(hour.hour)
            counts.append(hour.counts)
        return packed

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
    return _filled(*_LABELLED, _labelled_weights(summary))


def all_rows(summary: Summary) -> Rows:
    """All predictions as weighted rows, labels left at 0."""
    weights = summary.scores[:, :SCORE_BINS].sum(axis=0).astype(np.float64)
    return _filled(np.zeros(SCORE_BINS), SCORE_MIDDLES, weights)


def counted(metric: Metric, summary: Summary) -> int:
    """How many predictions (or requests, of a latency) a metric is measured on."""
    if metric.needs == "latency":
        return summary.requests
    return int(summary.scores[NEGATIVE:, :SCORE_BINS].sum())


def measured(metric: Metric, summary: Summary) -> Estimate:
    """A metric over a window, by the function that the gate calls."""
    return metric(*_places(metric), _weights(metric, summary))


def measured_by_day(metric: Metric, days: Sequence[Summary]) -> Estimate:
    """The same number, with an error that lets the rows of a day depend on each other."""
    places = _places(metric)
    weights = [_weights(metric, day) for day in days]
    return jackknife(metric, *places, np.reshape(weights, (-1, places[0].size)))


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


def _places(metric: Metric) -> tuple[FloatArray, FloatArray]:
    # Labels and scores that a metric's weights belong to.
    return _TIMED if metric.needs == "latency" else _LABELLED


def _weights(metric: Metric, summary: Summary) -> FloatArray:
    if metric.needs == "latency":
        return np.repeat(summary.latency / _MARKS, _MARKS)
    return _labelled_weights(summary)


def _labelled_weights(summary: Summary) -> FloatArray:
    scores = summary.scores[:, :SCORE_BINS]
    return np.concatenate([scores[NEGATIVE], scores[POSITIVE]]).astype(np.float64)


def _filled(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Rows:
    kept = weights > 0
    return labels[kept], scores[kept], weights[kept]
