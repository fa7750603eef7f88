"""What a server counts, as Prometheus text. Labels are bounded: deployments, versions, codes.

Each process counts for itself; `merged` makes one of several, so one scrape shows all workers.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from trueup.foundation.records import Record

BOUNDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
ROW_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
_SERIES: Final = 2000  # of one family; what comes then is counted under `other`
_ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Kind = Literal["counter", "gauge", "histogram"]


class Family(NamedTuple):
    """Figures of one name.

    Attributes:
        kind: How it behaves.
        help: What it says.
        labels: What tells its series apart.
        bounds: Upper edges of the bins of a histogram.
        is_shared: Not the sum of all processes counts, but the largest of their values.
    """

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = BOUNDS
    is_shared: bool = False


_OF: Final = ("deployment",)
FAMILIES: Final[dict[str, Family]] = {
    "trueup_requests_total": Family(
        "counter", "Requests that were answered.", ("deployment", "status")
    ),
    "trueup_errors_total": Family("counter", "Errors that were told.", ("deployment", "code")),
    "trueup_predictions_total": Family(
        "counter", "Rows that were answered and recorded.", ("deployment", "version")
    ),
    "trueup_request_seconds": Family("histogram", "Time from a head to its reply.", _OF),
    "trueup_batch_rows": Family(
        "histogram", "Rows that a model scored at once.", _OF, bounds=ROW_BOUNDS
    ),
    "trueup_queued_rows": Family("gauge", "Rows under way now.", _OF),
    "trueup_shadows_dropped_total": Family("counter", "Rows that a shadow had no room for.", _OF),
    "trueup_swaps_total": Family(
        "counter", "Times that other arms took over.", _OF, is_shared=True
    ),
    "trueup_load_failures_total": Family(
        "counter", "Routes that could not be served, by reason.", ("deployment", "code")
    ),
    "trueup_model_bytes": Family(
        "gauge", "About how much memory a loaded model takes.", ("deployment", "version")
    ),
    "trueup_journal_sync_seconds": Family("histogram", "Time that a sync of the journal took."),
    "trueup_journal_lag_seconds": Family(
        "gauge", "How long the oldest write has been under way.", is_shared=True
    ),
    "trueup_journal_missing_total": Family(
        "counter", "Predictions that were answered and could not be recorded.", _OF
    ),
    "trueup_journal_failed": Family(
        "gauge", "Whether the journal cannot be written any more.", is_shared=True
    ),
    "trueup_connections": Family("gauge", "Connections that are open."),
    "trueup_workers": Family("gauge", "Processes that answer."),
    "trueup_worker_restarts_total": Family("counter", "Workers that ended and were replaced."),
}


class Histogram:
    """Counts of values in fixed bins; one thread writes, any may read."""

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Series(Record):
    """One line of a family, or one histogram.

    Attributes:
        labels: Values of the family's labels.
        value: The figure; the sum of a histogram.
        counts: Counts of a histogram's bins.
    """

    labels: tuple[str, ...]
    value: float
    counts: tuple[int, ...] = ()


Snapshot = dict[str, list[Series]]


class Metrics:
    """Counts of one process, since it started."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        self._histograms: dict[str, dict[tuple[str, ...], Histogram]] = {}

    def count(self, family: str, *labels: str, by: float = 1) -> None:
        """Count something that happened."""
        values = self._values.get(family)
        if values is None:
            values = self._values[family] = {}
        if labels not in values and len(values) >= _SERIES:
            labels = ("other",) * len(labels)
        values[labels] = values.get(labels, 0) + by

    def observe(self, family: str, value: float, *labels: str) -> None:
        """Put a value into its bin."""
        histograms = self._histograms.get(family)
        if histograms is None:
            histograms = self._histograms[family] = {}
        histogram = histograms.get(labels)
        if histogram is None:
            if len(histograms) >= _SERIES:
                labels = ("other",) * len(labels)
            histogram = histograms.setdefault(labels, Histogram(FAMILIES[family].bounds))
        histogram.observe(value)

    def snapshot(self) -> Snapshot:
        """All counts as they stand."""
        found: Snapshot = {
            family: [Series(labels=labels, value=value) for labels, value in list(values.items())]
            for family, values in list(self._values.items())
        }
        for family, histograms in list(self._histograms.items()):
            found[family] = [series_of(h, *labels) for labels, h in list(histograms.items())]
        return found


def gauge(value: float, *labels: str) -> Series:
    """A figure as it stands."""
    return Series(labels=labels, value=float(value))


def series_of(histogram: Histogram, *labels: str) -> Series:
    """A histogram as it stands."""
    return Series(labels=labels, value=histogram.total, counts=tuple(histogram.counts))


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The counts of several processes as one."""
    found: dict[str, dict[tuple[str, ...], Series]] = {}
    for snapshot in snapshots:
        for family, several in snapshot.items():
            add: Callable[[float, float], float] = (
                max if FAMILIES[family].is_shared else float.__add__
            )
            known = found.setdefault(family, {})
            for series in several:
                other = known.get(series.labels)
                known[series.labels] = series if other is None else _sum(add, series, other)
    return {family: list(known.values()) for family, known in found.items()}


def render(snapshot: Snapshot) -> str:
    """The text that Prometheus reads."""
    lines: list[str] = []
    for name, family in FAMILIES.items():
        several = snapshot.get(name)
        if several:
            lines += (f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}")
            for series in sorted(several, key=lambda each: each.labels):
                lines += _lines(name, family, series)
    return "\n".join(lines) + "\n"


def _sum(add: Callable[[float, float], float], one: Series, other: Series) -> Series:
    counts = tuple(map(int.__add__, one.counts, other.counts))
    value = add(float(one.value), float(other.value))
    return Series(labels=one.labels, value=value, counts=counts)


def _lines(name: str, family: Family, series: Series) -> Iterator[str]:
    labels = [
        f'{label}="{value.translate(_ESCAPED)}"'
        for label, value in zip(family.labels, series.labels, strict=True)
    ]
    braces = f"{{{','.join(labels)}}}" if labels else ""
    if family.kind != "histogram":
        yield f"{name}{braces} {series.value:.12g}"
        return
    running = 0
    for bound, count in zip((*family.bounds, math.inf), series.counts, strict=True):
        running += count
        edge = "+Inf" if bound == math.inf else f"{bound:g}"
        inside = ",".join([*labels, f'le="{edge}"'])
        yield f"{name}_bucket{{{inside}}} {running}"
    yield f"{name}_sum{braces} {series.value:.9g}"
    yield f"{name}_count{braces} {running}"
