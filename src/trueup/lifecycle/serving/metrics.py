"""What the server counts, as Prometheus text. Labels are bounded: deployments and status codes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

BOUNDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


class Histogram:
    """Counts of seconds in fixed bins; one thread writes, any may read."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def lines(self, name: str, labels: str = "") -> Iterator[str]:
        """The histogram as Prometheus samples."""
        comma = "," if labels else ""
        running = 0
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            running += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield f'{name}_bucket{{{labels}{comma}le="{edge}"}} {running}'
        braces = f"{{{labels}}}" if labels else ""
        yield f"{name}_sum{braces} {self.total:.9g}"
        yield f"{name}_count{braces} {running}"


class Metrics:
    """Counts of one server, since it started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._rows: Counter[str] = Counter()
        self._seconds: dict[str, Histogram] = {}

    def answered(self, deployment: str, status: int, seconds: float) -> None:
        """Count one request to a deployment (empty for any other path)."""
        self._requests[deployment, status] += 1
        histogram = self._seconds.get(deployment)
        if histogram is None:
            histogram = self._seconds[deployment] = Histogram()
        histogram.observe(seconds)

    def predicted(self, deployment: str, rows: int) -> None:
        """Count rows that were answered and recorded."""
        self._rows[deployment] += rows

    def erred(self, deployment: str, code: str) -> None:
        """Count one error by its code."""
        self._errors[deployment, code] += 1

    def render(self, queued_rows: dict[str, int], sync_seconds: Histogram, failed: bool) -> str:
        """The text that Prometheus reads."""
        lines = [
            "# TYPE trueup_requests_total counter",
            *(
                f'trueup_requests_total{{deployment="{name}",status="{status}"}} {count}'
                for (name, status), count in sorted(self._requests.items())
            ),
            "# TYPE trueup_rows_total counter",
            *(
                f'trueup_rows_total{{deployment="{name}"}} {count}'
                for name, count in sorted(self._rows.items())
            ),
            "# TYPE trueup_errors_total counter",
            *(
                f'trueup_errors_total{{deployment="{name}",code="{code}"}} {count}'
                for (name, code), count in sorted(self._errors.items())
            ),
            "# TYPE trueup_queued_rows gauge",
            *(
                f'trueup_queued_rows{{deployment="{name}"}} {count}'
                for name, count in sorted(queued_rows.items())
            ),
            "# TYPE trueup_journal_failed gauge",
            f"trueup_journal_failed {int(failed)}",
            "# TYPE trueup_request_seconds histogram",
        ]
        for name, histogram in sorted(self._seconds.items()):
            lines += histogram.lines("trueup_request_seconds", f'deployment="{name}"')
        lines.append("# TYPE trueup_journal_sync_seconds histogram")
        lines += sync_seconds.lines("trueup_journal_sync_seconds")
        return "\n".join(lines) + "\n"
