"""The charts of one deployment, made from its evaluations: pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueup.lifecycle.monitoring.records import Evaluation, Finding
from trueup.lifecycle.plan import rules
from trueup.lifecycle.plan.records import Goal
from trueup.lifecycle.releases.records import Release
from trueup.rendering import charts, words
from trueup.rendering.charts import Chart, Mark, Sample

Goals = Mapping[str, Goal]

TRAFFIC = "traffic"
# Monitors without a goal: title, unit, and what turns the stored value into that unit.
_PLAIN = {
    "latency": ("Time of 95 of 100 requests", "ms", 1000.0),
    "errors": ("Requests that failed", "%", 100.0),
}


def all_of(
    goals: Goals, evaluations: Sequence[Evaluation], releases: Sequence[Release]
) -> tuple[Chart, ...]:
    """Every chart of a deployment: goals first, then requests; `evaluations` are newest first."""
    oldest_first = list(reversed(evaluations))
    if not oldest_first:
        return ()
    monitors = dict.fromkeys(f.monitor for made in oldest_first for f in made.findings)
    # A goal's watch and its estimate stand side by side.
    of_goals = [m for m in monitors if m.rpartition(".")[0] in goals]
    ordered = [*of_goals, *(m for m in _PLAIN if m in monitors)]
    marks = release_marks(releases)
    drawn = [of_monitor(monitor, goals, oldest_first, marks) for monitor in ordered]
    return (*(chart for chart in drawn if chart.rows), traffic(oldest_first))


def of_monitor(
    monitor: str, goals: Goals, oldest_first: Sequence[Evaluation], marks: Sequence[Mark] = ()
) -> Chart:
    """What one monitor measured over time, against its limit."""
    found = [(made, f) for made in oldest_first for f in made.findings if f.monitor == monitor]
    goal_id, _, part = monitor.rpartition(".")
    goal = goals.get(goal_id)
    title, unit, scale = _PLAIN.get(monitor, (words.title(monitor), "", 1.0))
    limit, limit_words = (found[-1][1].limit if found else None), ""
    if goal is not None:
        what = "as measured" if part == "watch" else "estimated before labels come"
        title = f"{goal.claim}: {goal.metric}, {what}"
        limit_words = words.limit(*rules.limit(goal, "watch"))
    elif limit is not None:
        limit_words = f"limit {words.number(limit * scale)} {unit}"
    first, last = oldest_first[0].as_of, oldest_first[-1].as_of
    return charts.line(
        monitor.replace(".", "-"),
        title,
        [_sample(made, finding, scale) for made, finding in found],
        limit=None if limit is None else limit * scale,
        limit_words=limit_words,
        marks=[mark for mark in marks if first <= mark.at <= last],
        unit=unit,
    )


def traffic(oldest_first: Sequence[Evaluation]) -> Chart:
    """Which version answered how many requests, at each evaluation."""
    amounts = [
        (made.as_of, {f.model_ref: float(f.n) for f in made.findings if f.monitor == "latency"})
        for made in oldest_first
    ]
    return charts.shares(TRAFFIC, "Requests by model version", amounts, "request")


def release_marks(releases: Sequence[Release]) -> list[Mark]:
    """The moments at which a release began to serve."""
    return [
        Mark(at=release.started_at, label=release.model_ref)
        for release in sorted(releases, key=lambda release: release.number)
        if release.started_at is not None
    ]


def _sample(made: Evaluation, finding: Finding, scale: float) -> Sample:
    value, bound = _scaled(finding.value, scale), _scaled(finding.bound, scale)
    above = value is not None and bound is not None and bound >= value
    return Sample(
        at=made.as_of,
        value=value,
        series=finding.model_ref,
        state=finding.verdict,
        low=None if above else bound,
        high=bound if above else None,
        rows=finding.n,
    )


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
