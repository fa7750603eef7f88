"""The nouns of monitoring: what was counted, what an evaluation found, and what became of it.

Counts live in `counts.py`, decisions about them in `rules.py`; read those next.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record
from trueup.lifecycle.plan.records import Reaction

Kind = Literal["performance", "estimate", "drift", "quality", "latency", "errors"]
FindingVerdict = Literal["ok", "changed-but-negligible", "not-enough-data", "warning", "breach"]
AlertState = Literal["open", "acknowledged", "resolved"]
Judged = Literal["unknown", "true", "false"]
Severity = Literal["page", "notice"]


class HourSummary(Record):
    """Exact counts of one hour of one model version; the key of a row and its packed counts.

    Attributes:
        deployment: The place.
        model_ref: Model version that answered.
        hour: Start of the hour, in the time of the traffic.
        counts: What `counts.pack` made of the counts.
    """

    deployment: str
    model_ref: str
    hour: datetime
    counts: bytes


class Ingested(Record):
    """What one ingest added.

    Attributes:
        requests: Requests, once per arm, that were new.
        rows: Predictions that were new.
        duplicates: Requests that had been counted before and were left out.
        failures: Requests that no model could answer.
        labels: Labels that changed what is known of a prediction.
        repeated: Labels that said nothing new or were older than what is known.
        waiting: Labels kept aside because their prediction has not been seen.
        invalid: Labels that are neither 0 nor 1, or whose prediction id cannot be one.
    """

    requests: int = 0
    rows: int = 0
    duplicates: int = 0
    failures: int = 0
    labels: int = 0
    repeated: int = 0
    waiting: int = 0
    invalid: int = 0


class Finding(Record):
    """What one monitor says about one model version and one window.

    Attributes:
        monitor: Name, such as `accurate.watch`, `accurate.estimate`, `drift`, `quality`.
        kind: What is watched.
        verdict: The answer; only `breach` says that harm is proven.
        goal: The plan's goal; empty for monitors that belong to none.
        model_ref: Model version.
        is_live: Whether this version takes the most traffic now; only then can alerts follow.
        window_start: First moment looked at, in the time of the traffic.
        window_end: End of the window, not included.
        value: What was measured; None where it is undefined.
        limit: What it is held against.
        bound: End of the confidence interval on the side that would prove harm.
        confidence: Of that bound.
        n: Rows (or requests) that count.
        needed: Rows that would do, where there is not enough data.
        detail: The answer in words.
        columns: Columns that the answer is about.
        metric: Name of the metric.
        fingerprint: Digest of the metric's code, the same as the gate's.
        numbers: Further figures by name.
    """

    monitor: str
    kind: Kind
    verdict: FindingVerdict
    goal: str = ""
    model_ref: str = ""
    is_live: bool = True
    window_start: datetime | None = None
    window_end: datetime | None = None
    value: float | None = None
    limit: float | None = None
    bound: float | None = None
    confidence: float | None = None
    n: int = 0
    needed: int = 0
    detail: str = ""
    columns: tuple[str, ...] = ()
    metric: str = ""
    fingerprint: str = ""
    numbers: dict[str, float] = {}


class Evaluation(Record):
    """All monitors of a deployment, looked at once.

    Attributes:
        id: Identifier.
        deployment: The place.
        as_of: The moment it speaks of, in the time of the traffic.
        evaluated_at: When it was made.
        plan: Digest of the plan in force.
        model_ref: Model version that takes the most traffic; empty without traffic.
        findings: One per monitor and model version that serves now.
    """

    id: str
    deployment: str
    as_of: datetime
    evaluated_at: datetime
    plan: str
    model_ref: str
    findings: tuple[Finding, ...]


class Alert(Record):
    """Proven harm that somebody should know of. One is open per deployment, monitor and version.

    Attributes:
        id: Identifier.
        deployment: The place.
        monitor: The monitor that found it.
        kind: What that monitor watches.
        goal: The plan's goal; empty for monitors that belong to none.
        model_ref: Model version.
        severity: `page` asks for a person now.
        state: Where it stands.
        raised_at: The evaluation's moment, in the time of the traffic.
        seen_at: The last evaluation that found it broken.
        first_bad: Start of the first window in the unbroken run of bad ones.
        window_start: Window of the evaluation that raised it.
        window_end: End of that window, not included.
        cause: What probably lies behind it, in words.
        value: The latest value.
        limit: What it is held against.
        bound: The latest bound.
        evaluation: Identifier of the evaluation that raised it.
        clean: Evaluations without a fault in a row, counted for resolving.
        resolved_at: When it ended, in the time of the traffic.
        why: Reason for its present state.
        handled_by: Who acknowledged it.
        judged: Whether the harm was real, once all labels of its window are there.
    """

    id: str
    deployment: str
    monitor: str
    kind: Kind
    goal: str
    model_ref: str
    severity: Severity
    state: AlertState
    raised_at: datetime
    seen_at: datetime
    first_bad: datetime
    window_start: datetime
    window_end: datetime
    cause: str
    value: float
    limit: float
    bound: float
    evaluation: str
    clean: int = 0
    resolved_at: datetime | None = None
    why: str = ""
    handled_by: str = ""
    judged: Judged = "unknown"

    @property
    def ref(self) -> str:
        """The reference of this alert, such as `alert:7k3f9qd2`."""
        return f"alert:{self.id}"


class Point(Record):
    """One finding as a point of a chart."""

    as_of: datetime
    model_ref: str
    verdict: FindingVerdict
    value: float | None
    limit: float | None
    bound: float | None
    n: int


class ArmLosses(Record):
    """How one model version did between two moments, for comparing arms.

    Attributes:
        model_ref: Model version.
        start: First whole hour.
        end: End of the last whole hour.
        n: Predictions.
        labelled: Predictions whose label is known.
        mean: Mean Brier loss of those; None without any.
        variance: Variance of the Brier loss of one row; None with fewer than two.
        requests: Requests answered.
        failures: Requests that failed.
        failed_rows: Rows of those.
    """

    model_ref: str
    start: datetime
    end: datetime
    n: int
    labelled: int
    mean: float | None
    variance: float | None
    requests: int
    failures: int
    failed_rows: int


class Breach(Record):
    """The data of a `monitor.breached` event."""

    deployment: str
    goal: str
    monitor: str
    model_ref: str
    as_of: datetime
    value: float
    limit: float
    bound: float
    on_breach: tuple[Reaction, ...]
    alert: str
