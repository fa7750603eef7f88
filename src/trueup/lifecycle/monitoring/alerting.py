"""What follows from an evaluation: alerts begin, go on and end. Pure.

One alert is open per deployment, monitor and model version, however often the harm is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from trueup.foundation.text import listing
from trueup.lifecycle.monitoring import rules, windows
from trueup.lifecycle.monitoring.records import Alert, Evaluation, Finding
from trueup.lifecycle.monitoring.windows import Traffic, Window

UNRESOLVED = ("open", "acknowledged")


@dataclass(frozen=True)
class Change:
    """What became of one alert."""

    what: Literal["raised", "seen", "resolved", "counted"]
    alert: Alert


def raised(
    finding: Finding, evaluation: Evaluation, alert_id: str, first_bad: datetime, cause: str
) -> Alert:
    """The alert that a breach raises."""
    assert finding.window_start is not None  # findings of an evaluation have windows
    assert finding.window_end is not None
    assert finding.value is not None  # and a breach has proof
    assert finding.limit is not None
    assert finding.bound is not None
    return Alert(
        id=alert_id,
        deployment=evaluation.deployment,
        monitor=finding.monitor,
        kind=finding.kind,
        goal=finding.goal,
        model_ref=finding.model_ref,
        severity=rules.severity(finding),
        state="open",
        raised_at=evaluation.as_of,
        seen_at=evaluation.as_of,
        first_bad=first_bad,
        window_start=finding.window_start,
        window_end=finding.window_end,
        cause=cause,
        value=finding.value,
        limit=finding.limit,
        bound=finding.bound,
        evaluation=evaluation.id,
        why=finding.detail,
    )


def went_on(alert: Alert, evaluation: Evaluation) -> Change:
    """What one more evaluation makes of an alert that is not resolved."""
    finding = next(
        (
            found
            for found in evaluation.findings
            if (found.monitor, found.model_ref) == (alert.monitor, alert.model_ref)
        ),
        None,
    )
    if not evaluation.findings:
        return Change("counted", alert)
    if finding is None:
        gone = (
            "no longer serves"
            if evaluation.model_ref != alert.model_ref
            else "is no longer watched"
        )
        return Change("resolved", _resolved(alert, evaluation.as_of, f"{alert.model_ref} {gone}"))
    clean = rules.still_resolving(alert, finding.verdict)
    if clean >= rules.CLEAN_TO_RESOLVE:
        why = f"{clean} evaluations in a row found nothing"
        return Change(
            "resolved",
            _resolved(msgspec.structs.replace(alert, clean=clean), evaluation.as_of, why),
        )
    if finding.verdict != "breach":
        return Change("counted", msgspec.structs.replace(alert, clean=clean))
    again = {"value": finding.value, "bound": finding.bound, "limit": finding.limit}
    return Change(
        "seen", msgspec.structs.replace(alert, clean=0, seen_at=evaluation.as_of, **again)
    )


def first_bad(
    finding: Finding,
    earlier: Sequence[Evaluation],
    at_least: float | None,
    at_most: float | None,
) -> datetime:
    """The start of the first window in the unbroken run of windows beyond the limit.

    Args:
        finding: The breach.
        earlier: Earlier evaluations, newest first.
        at_least: The limit it is held against, or
        at_most: the limit it is held against.
    """
    first = finding.window_start
    assert first is not None  # findings of an evaluation have windows
    for evaluation in earlier:
        before = next(
            (
                found
                for found in evaluation.findings
                if (found.monitor, found.model_ref) == (finding.monitor, finding.model_ref)
            ),
            None,
        )
        if before is None or before.window_start is None:
            break
        if not rules.is_beyond(before, at_least, at_most):
            break
        first = min(first, before.window_start)
    return first


def cause(
    finding: Finding,
    others: Sequence[Finding],
    traffic: Traffic,
    began: Mapping[str, datetime],
    since: datetime,
) -> str:
    """What probably lies behind a breach, in words.

    Args:
        finding: The breach.
        others: All findings of the evaluation.
        traffic: The traffic it looked at.
        began: When each model version began to answer.
        since: Start of the first bad window.
    """
    assert finding.window_start is not None  # findings of an evaluation have windows
    assert finding.window_end is not None
    told = []
    window = Window(finding.window_start, finding.window_end)
    length = window.end - window.start
    start = began.get(finding.model_ref)
    if start is not None and since - length <= start:
        told.append(f"{finding.model_ref} began to serve on {start:%Y-%m-%d}")
    now = windows.positives(traffic.window(finding.model_ref, window))
    past = Window(window.start - 3 * length, window.start)
    before = windows.positives(traffic.window(finding.model_ref, past))
    if rules.share_rose(now, before):
        old, new = before[0] / before[1], now[0] / now[1]
        told.append(f"the share of label 1 went from {old:.0%} to {new:.0%}")
    columns = rules.columns_of(others, finding.model_ref)
    if columns:
        told.append(f"{listing(columns[:5])} differ from training")
    if not told:
        return f"no input changed: what they mean may have; first bad on {since:%Y-%m-%d}"
    return f"{'; '.join(told)}; first bad on {since:%Y-%m-%d}"


def _resolved(alert: Alert, at: datetime, why: str) -> Alert:
    return msgspec.structs.replace(alert, state="resolved", resolved_at=at, why=why)
