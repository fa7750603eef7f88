"""All monitors of a deployment over its windows: from counts to findings. Pure.

Realised metrics look at predictions old enough for their labels to have come; everything else looks
at the newest traffic. Read `rules.py` for the decisions and `alerting.py` for what follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from trueup.foundation import clock
from trueup.foundation.text import seconds
from trueup.lifecycle.models.records import Reference
from trueup.lifecycle.monitoring import rules, windows
from trueup.lifecycle.monitoring.counts import LATENCY_EDGES, SCORE, SCORE_BINS, Summary
from trueup.lifecycle.monitoring.records import Evaluation, Finding
from trueup.lifecycle.monitoring.windows import Traffic, Window
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.plan.records import AdoptedPlan, Goal
from trueup.statistics import calibration, summaries
from trueup.statistics.calibration import Calibrator
from trueup.statistics.metrics import METRICS, quantile_from_histogram

# Calibration for estimated metrics is learned from this many windows of labelled past.
_PAST_WINDOWS = 4
_NEWEST = timedelta(days=7)


@dataclass(frozen=True)
class Question:
    """What an evaluation needs besides the traffic.

    Attributes:
        deployment: Name of the place.
        settings: The plan's settings for it.
        adopted: The plan in force.
        as_of: The moment, in the time of the traffic.
        serving: Model versions that serve now, the live one first; from the traffic if empty.
        earlier: Earlier evaluations, newest first.
        waiting: Labels whose prediction has not been seen.
    """

    deployment: str
    settings: Deployment
    adopted: AdoptedPlan
    as_of: datetime
    serving: Sequence[str]
    earlier: Sequence[Evaluation]
    waiting: int

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The plan's goals that are watched."""
        return self.adopted.plan.watched

    @property
    def alpha(self) -> float:
        """The false alarm rate of one test: every goal's watch, and the error rate."""
        every = clock.parse_duration(self.settings.monitor_every)
        budget = self.settings.false_alarms_per_year
        return rules.alpha_per_test(budget, every, len(self.goals) + 1)

    @property
    def newest(self) -> Window:
        """The window of newest traffic for drift, quality, latency and errors."""
        lengths = [clock.parse_duration(goal.watching.window) for goal in self.goals]
        return Window.before(self.as_of, max(lengths, default=_NEWEST))


def labelled_window(goal: Goal, as_of: datetime) -> Window:
    """The window of a goal's watch that ends where labels may still be missing."""
    wait = clock.parse_duration(goal.watching.labels_within)
    return Window.before(as_of - wait, clock.parse_duration(goal.watching.window))


def goal_window(goal: Goal, as_of: datetime) -> Window:
    """The window that a goal is measured on: metrics without labels need not wait for them."""
    if METRICS[goal.metric].needs == "labels":
        return labelled_window(goal, as_of)
    return Window.before(as_of, clock.parse_duration(goal.watching.window))


def reach(goals: Sequence[Goal], as_of: datetime) -> datetime:
    """The oldest moment that an evaluation looks at."""
    starts = [as_of - _NEWEST]
    for goal in goals:
        window = labelled_window(goal, as_of)
        starts.append(window.end - (window.end - window.start) * (_PAST_WINDOWS + 1))
    return min(starts) - windows.HOUR


def served(question: Question, traffic: Traffic) -> list[str]:
    """The model versions to look at, the live one first."""
    if question.serving:
        return list(question.serving)
    return traffic.busiest(Window.before(question.as_of, timedelta(days=1))) or traffic.busiest(
        question.newest
    )


def findings(
    question: Question, traffic: Traffic, references: Mapping[str, Reference]
) -> list[Finding]:
    """One finding per monitor and model version that serves now."""
    found: list[Finding] = []
    for place, model_ref in enumerate(served(question, traffic)):
        facts = {"model_ref": model_ref, "is_live": place == 0}
        of_version = _of_version(question, traffic, model_ref, references[model_ref])
        found += [msgspec.structs.replace(finding, **facts) for finding in of_version]
    return found


def realised(goal: Goal, traffic: Traffic, model_ref: str, window: Window, alpha: float) -> Finding:
    """A goal's metric over a window, held against its limit.

    Rows of one day share what happened that day, so the standard error is taken by day.
    """
    metric = METRICS[goal.metric]
    days = [day for day in traffic.days(model_ref, window) if windows.counted(metric, day)]
    estimate = windows.measured_by_day(metric, days)
    finding = rules.judge_goal(goal, estimate, alpha, len(days))
    summary = traffic.window(model_ref, window)
    facts = {"predictions": float(summary.rows), "labelled": float(summary.labelled)}
    facts |= {"days": float(len(days))}
    if math.isfinite(estimate.standard_error):
        facts |= {"standard error by day": estimate.standard_error}
    return _at(finding, window, numbers=facts)


def _of_version(
    question: Question, traffic: Traffic, model_ref: str, reference: Reference
) -> list[Finding]:
    found = []
    learned: dict[Window, Calibrator] = {}
    for goal in question.goals:
        window = goal_window(goal, question.as_of)
        finding = realised(goal, traffic, model_ref, window, question.alpha)
        found.append(_fingerprinted(question, finding))
        if METRICS[goal.metric].needs == "labels":
            found.append(
                _fingerprinted(question, _estimate(question, goal, traffic, model_ref, learned))
            )
    window = question.newest
    newest = traffic.window(model_ref, window)
    quality = rules.judge_quality(
        _rises(newest, reference), int(newest.scores[:, SCORE_BINS:].sum()), question.waiting
    )
    errors = rules.judge_errors(newest.failures, newest.requests, question.alpha)
    unlabelled = (_drift(newest, reference), quality, _latency(newest), errors)
    return found + [_at(finding, window) for finding in unlabelled]


def _estimate(
    question: Question,
    goal: Goal,
    traffic: Traffic,
    model_ref: str,
    learned: dict[Window, Calibrator],
) -> Finding:
    window = Window.before(question.as_of, clock.parse_duration(goal.watching.window))
    last = labelled_window(goal, question.as_of)
    past = Window(last.end - (last.end - last.start) * _PAST_WINDOWS, last.end)
    labels, scores, weights = windows.labelled_rows(traffic.window(model_ref, past))
    known = int(weights.sum())
    record = _track_record(question, goal, traffic, model_ref)
    if known < goal.watching.min_rows or len(np.unique(labels)) < 2:
        return Finding(
            monitor=f"{goal.id}.estimate",
            kind="estimate",
            verdict="not-enough-data",
            goal=goal.id,
            window_start=window.start,
            window_end=window.end,
            n=known,
            needed=max(goal.watching.min_rows, known + 1),
            detail=f"{known} labelled rows are too few to learn what a score means",
            metric=goal.metric,
            numbers=record,
        )
    if past not in learned:  # most goals look at the same past, and learning is the costly part
        learned[past] = calibration.calibrator(labels, scores, weights)
    _, scores, weights = windows.all_rows(traffic.window(model_ref, window))
    estimate = calibration.estimated(goal.metric, learned[past].apply(scores), scores, weights)
    finding = rules.as_estimate(rules.judge_goal(goal, estimate, question.alpha))
    return _at(finding, window, numbers=record | {"labelled past rows": float(known)})


def _track_record(
    question: Question, goal: Goal, traffic: Traffic, model_ref: str
) -> dict[str, float]:
    # The newest estimate whose window has its labels by now, beside what really happened.
    labelled_until = labelled_window(goal, question.as_of).end
    for evaluation in question.earlier:
        for finding in evaluation.findings:
            window = _window_of(finding)
            if (
                (finding.monitor, finding.model_ref) == (f"{goal.id}.estimate", model_ref)
                and finding.value is not None
                and window is not None
                and window.end <= labelled_until
            ):
                if window.start < reach(question.goals, question.as_of):
                    return {}
                truth = windows.measured(METRICS[goal.metric], traffic.window(model_ref, window))
                if not math.isfinite(truth.value):
                    return {}
                return {
                    "estimated then": finding.value,
                    "realised then": truth.value,
                    "error then": finding.value - truth.value,
                }
    return {}


def _drift(newest: Summary, reference: Reference) -> Finding:
    columns = {}
    for name, column in reference.columns.items():
        trained = summaries.comparable(column.bins, column.counts)
        columns[name] = trained, summaries.comparable(column.bins, newest.column(name))
    return rules.judge_drift(columns)


def _rises(newest: Summary, reference: Reference) -> dict[str, tuple[int, int, int, int]]:
    rises = {}
    for name, column in reference.columns.items():
        if name == SCORE:
            continue
        now, then = newest.column(name), np.array(column.counts, dtype=np.int64)
        rows, trained = int(now.sum()), int(then.sum())
        # The last cells of a column, in the order that `summaries` names them.
        missing, unseen = ([-4], [-3, -2, -1]) if column.bins.kind == "numeric" else ([-1], [-2])
        for what, cells in (("missing", missing), ("unseen", unseen)):
            rises[f"{name} {what}"] = (int(now[cells].sum()), rows, int(then[cells].sum()), trained)
    return rises


def _latency(newest: Summary) -> Finding:
    requests = newest.requests
    quantiles = {
        name: quantile_from_histogram(LATENCY_EDGES, newest.latency, share)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        if requests
    }
    return Finding(
        monitor="latency",
        kind="latency",
        verdict="ok" if requests else "not-enough-data",
        value=quantiles.get("p95"),
        n=requests,
        needed=0 if requests else 1,
        detail=f"95 of 100 requests within {seconds(quantiles['p95'])}"
        if requests
        else "no requests",
        metric="latency_p95",
        numbers=quantiles,
    )


def _fingerprinted(question: Question, finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, fingerprint=question.adopted.metrics[finding.metric])


def _at(finding: Finding, window: Window, **changes: Any) -> Finding:
    return msgspec.structs.replace(
        finding, window_start=window.start, window_end=window.end, **changes
    )


def _window_of(finding: Finding) -> Window | None:
    if finding.window_start is None or finding.window_end is None:
        return None
    return Window(finding.window_start, finding.window_end)
