"""The verbs of monitoring. All moments but `evaluated_at` are in the time of the traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError, UsageError
from trueup.foundation.identifiers import short_id
from trueup.foundation.questions import Task
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.models.records import Reference
from trueup.lifecycle.monitoring import alerting, counts, evaluation, rules, table, windows
from trueup.lifecycle.monitoring.counts import Layout
from trueup.lifecycle.monitoring.evaluation import Question
from trueup.lifecycle.monitoring.fold import Folded, fold, sort
from trueup.lifecycle.monitoring.records import (
    Alert,
    ArmLosses,
    Breach,
    Evaluation,
    Finding,
    Ingested,
    Judged,
    Point,
)
from trueup.lifecycle.monitoring.windows import Traffic, Window
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.plan.rules import limit as limits
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import table as releases
from trueup.lifecycle.serving.records import AnyRecord, Gap, Labels, Predictions
from trueup.ports.builds import Build
from trueup.state.unit import State, Unit

_LOOK_BACK = 60  # earlier evaluations that first-bad and track record may use


class Monitors:
    """What the traffic says about the plan's goals, and who must hear of it."""

    def __init__(
        self,
        state: State,
        reference_of: Callable[[str], Reference],
        task_of: Callable[[str], Task] = lambda _model_ref: "binary",
    ) -> None:
        """Both say of a model version such as `flights@3`: training reference, and question."""
        self._state = state
        self._task_of = task_of
        self._reference_of = reference_of
        self._references: dict[str, Reference] = {}

    def cursor(self, actor: Actor, journal: str = "journal") -> Any:
        """How far a journal has been counted, as plain JSON data; None if not at all."""
        with self._state.read(actor) as connection:
            return table.cursor(connection, journal)

    def ingest(
        self,
        actor: Actor,
        records: Iterable[AnyRecord],
        cursor_before: Any,
        cursor_after: Any,
        journal: str = "journal",
    ) -> Ingested:
        """Count journal records, and move the cursor, in one transaction.

        Args:
            actor: Who does it.
            records: The records between the two cursors.
            cursor_before: Where reading began; None for the very beginning.
            cursor_after: Where it ended; a record or plain JSON data.
            journal: Name of the journal.

        Raises:
            ConflictError: The journal has been counted from `cursor_before` on already.
        """
        before, after = builtins(cursor_before), builtins(cursor_after)
        batch = sort(record for record in records if self._is_counted(record))
        with self._state.read(actor) as connection:
            known = table.versions_of(connection, batch.requests)
        layouts = {ref: Layout.of(self._reference(ref)) for ref in batch.model_refs | known}
        with self._state.write(actor, "monitoring.run") as unit:
            connection = unit.connection
            _require_cursor(table.cursor(connection, journal), before, journal)
            entries = table.entries(connection, batch.requests)
            waiting = table.waiting(connection, batch.requests)
            folded = fold(batch, layouts, entries, waiting)
            _store(connection, folded)
            table.move_cursor(connection, journal, before, after)
            if folded.ingested.invalid:
                unit.emit(
                    "labels.refused",
                    f"journal:{journal}",
                    why="labels must be 0 or 1",
                    data={"labels": folded.ingested.invalid},
                )
            if folded.ingested.labels:
                labels = {"labels": folded.ingested.labels}
                unit.emit("labels.counted", f"journal:{journal}", data=labels)
            return folded.ingested

    def evaluate(self, actor: Actor, deployment: str, as_of: datetime) -> Evaluation:
        """Look at all monitors of a deployment; the same moment again gives the same evaluation.

        Raises:
            NotFoundError: The plan has no such deployment.
            UsageError: The moment has no time zone.
            ConflictError: A later moment has been evaluated already.
        """
        _require_zone(as_of)
        with self._state.read(actor) as connection:
            made = table.evaluation(connection, deployment, as_of)
            if made is not None:
                return made
            question = _question(connection, deployment, as_of)
            since = evaluation.reach(question.goals, as_of)
            hours = table.hours(connection, deployment, since, as_of)
            began = table.first_hours(connection, deployment)
        versions = {*question.serving, *(hour.model_ref for hour in hours)}
        references = {ref: self._reference(ref) for ref in versions}
        traffic = Traffic(hours, {ref: Layout.of(r) for ref, r in references.items()})
        found = evaluation.findings(question, traffic, references)
        with self._state.write(actor, "monitoring.run") as unit:
            made = table.evaluation(unit.connection, deployment, as_of)
            if made is not None:
                return made
            made = Evaluation(
                id=short_id(),
                deployment=deployment,
                as_of=as_of,
                evaluated_at=unit.at,
                plan=question.adopted.digest,
                model_ref=found[0].model_ref if found else "",
                findings=tuple(found),
            )
            table.put_evaluation(unit.connection, made)
            unit.emit("monitors.evaluated", f"deployment:{deployment}", data=_gist(made))
            _follow_up(unit, question, made, traffic, began)
            return made

    def judge_alerts(self, actor: Actor, deployment: str, as_of: datetime) -> list[Alert]:
        """Say of each alert whether its harm was real, once the labels of its window are there.

        With every label known there is nothing left to estimate about that window, so the value
        alone decides, without a bound: `true` says that the metric really was beyond the limit
        over the window that raised the alert. It does not say that the model is worse for good: a
        window of bad days is one, too.

        Returns:
            The alerts that were judged now.
        """
        _require_zone(as_of)
        with self._state.read(actor) as connection:
            plan = in_force(connection).plan
            open_ = [a for a in table.alerts_of(connection, deployment) if a.judged == "unknown"]
            measured = [(a, self._measured_again(connection, plan, a, as_of)) for a in open_]
        judged = []
        with self._state.write(actor, "monitoring.run") as unit:
            for old, verdict in measured:
                alert = table.alert(unit.connection, old.id)
                if verdict == "unknown" or alert is None or alert.judged != "unknown":
                    continue
                alert = msgspec.structs.replace(alert, judged=verdict)
                table.put_alert(unit.connection, alert)
                data = {"judged": verdict, "goal": alert.goal, "model_ref": alert.model_ref}
                unit.emit("alert.judged", alert.ref, data=data)
                judged.append(alert)
        return judged

    def acknowledge(self, actor: Actor, alert_id: str, reason: str) -> Alert:
        """Say that somebody looks after an alert.

        Raises:
            NotFoundError: There is no such alert.
            ConflictError: It is resolved.
        """
        with self._state.write(actor, "alerts.handle") as unit:
            alert = _found(unit.connection, alert_id)
            if alert.state == "resolved":
                raise ConflictError(
                    "alert-resolved",
                    f"Alert {alert_id} is resolved since {alert.resolved_at:%Y-%m-%d %H:%M}.",
                    hint=f"trueup why {alert.ref}",
                )
            alert = msgspec.structs.replace(
                alert, state="acknowledged", why=reason, handled_by=actor.name
            )
            table.put_alert(unit.connection, alert)
            unit.emit("alert.acknowledged", alert.ref, why=reason)
            return alert

    def built(self, actor: Actor, alert_id: str, build: Build) -> Alert:
        """Record that a build was started elsewhere because of an alert.

        Raises:
            NotFoundError: There is no such alert.
        """
        with self._state.write(actor, "monitoring.run") as unit:
            alert = _found(unit.connection, alert_id)
            data = {"job": build.job, "key": build.key, "url": build.url}
            unit.emit("alert.built", alert.ref, why=f"started '{build.job}' on Jenkins", data=data)
            return alert

    def alerts(
        self, actor: Actor, deployment: str = "", *, unresolved: bool = False
    ) -> list[Alert]:
        """Alerts, newest first: of one deployment, and only those not resolved, if asked."""
        with self._state.read(actor) as connection:
            states = alerting.UNRESOLVED if unresolved else ()
            return table.alerts_of(connection, deployment, states)

    def alert(self, actor: Actor, alert_id: str) -> Alert:
        """One alert.

        Raises:
            NotFoundError: There is no such alert.
        """
        with self._state.read(actor) as connection:
            return _found(connection, alert_id)

    def evaluations(
        self, actor: Actor, deployment: str, most: int | None = None
    ) -> list[Evaluation]:
        """Evaluations of a deployment, newest first."""
        with self._state.read(actor) as connection:
            return table.latest_evaluations(connection, deployment, most)

    def series(self, actor: Actor, deployment: str, monitor: str) -> list[Point]:
        """What one monitor found about the live version at each evaluation, oldest first."""
        points = []
        with self._state.read(actor) as connection:
            for made in reversed(table.latest_evaluations(connection, deployment)):
                of_live = (finding for finding in made.findings if finding.is_live)
                points += [_point(made, found) for found in of_live if found.monitor == monitor]
        return points

    def arm_losses(
        self, actor: Actor, deployment: str, model_ref: str, start: datetime, end: datetime
    ) -> ArmLosses:
        """How one model version did in the hours that begin from `start` to before `end`."""
        with self._state.read(actor) as connection:
            hours = table.hours(connection, deployment, start, end)
        layout = Layout.of(self._reference(model_ref))
        traffic = Traffic(hours, {model_ref: layout})
        return windows.arm_losses(
            traffic.window(model_ref, Window(start, end)), model_ref, start, end
        )

    def _is_counted(self, record: AnyRecord) -> bool:
        """Whether there are counts for it: so far for answers that were given, of binary models."""
        if isinstance(record, Labels):
            return True
        if isinstance(record, Gap):
            return False
        is_shadow = isinstance(record, Predictions) and record.shadow
        return not is_shadow and self._task_of(record.model_ref) == "binary"

    def _reference(self, model_ref: str) -> Reference:
        # A model version never changes, so neither does its reference.
        if model_ref not in self._references:
            self._references[model_ref] = self._reference_of(model_ref)
        return self._references[model_ref]

    def _measured_again(
        self, connection: sa.Connection, plan: Plan, alert: Alert, as_of: datetime
    ) -> Judged:
        goal = next((goal for goal in plan.watched if goal.id == alert.goal), None)
        if goal is None:
            return "true" if alert.kind == "errors" else "unknown"
        window = Window(alert.window_start, alert.window_end)
        hours = table.hours(connection, alert.deployment, window.start, window.end)
        layouts = {alert.model_ref: Layout.of(self._reference(alert.model_ref))}
        traffic = Traffic(hours, layouts)
        finding = evaluation.realised(goal, traffic, alert.model_ref, window, 0.05)
        summary = traffic.window(alert.model_ref, window)
        wait = clock.parse_duration(goal.watching.labels_within)
        return rules.judge_alert(
            finding,
            *limits(goal, "watch"),
            unlabelled=summary.rows - summary.labelled,
            is_late=as_of >= window.end + 2 * wait,
        )


def _question(connection: sa.Connection, deployment: str, as_of: datetime) -> Question:
    adopted = in_force(connection)
    known = adopted.plan.deployments
    if deployment not in known:
        raise NotFoundError(
            "deployment-not-found",
            f"The plan has no deployment '{deployment}'.{did_you_mean(deployment, known)}",
            hint="trueup deployment list",
        )
    earlier = table.latest_evaluations(connection, deployment, _LOOK_BACK)
    if earlier and earlier[0].as_of > as_of:
        raise ConflictError(
            "evaluation-out-of-order",
            f"Deployment '{deployment}' was evaluated as of {earlier[0].as_of:%Y-%m-%d %H:%M}; "
            f"{as_of:%Y-%m-%d %H:%M} is earlier.",
            hint="trueup explain evaluation-out-of-order",
        )
    serving = releases.in_state(connection, deployment, ("live", "canary"))
    serving.sort(key=lambda release: release.state != "live")
    return Question(
        deployment=deployment,
        settings=known[deployment],
        adopted=adopted,
        as_of=as_of,
        serving=list(dict.fromkeys(release.model_ref for release in serving)),
        earlier=earlier,
        waiting=table.waiting_count(connection, deployment),
    )


def _follow_up(
    unit: Unit,
    question: Question,
    made: Evaluation,
    traffic: Traffic,
    began: dict[str, datetime],
) -> None:
    unresolved = table.alerts_of(unit.connection, made.deployment, alerting.UNRESOLVED)
    for alert in unresolved:
        change = alerting.went_on(alert, made)
        table.put_alert(unit.connection, change.alert)
        if change.what == "resolved":
            data = {"deployment": made.deployment, "as_of": made.as_of.isoformat()}
            unit.emit("alert.resolved", alert.ref, why=change.alert.why, data=data)
    covered = {(alert.monitor, alert.model_ref) for alert in unresolved}
    for finding in made.findings:
        key = (finding.monitor, finding.model_ref)
        if finding.verdict == "breach" and finding.is_live and key not in covered:
            _raise_alert(unit, question, made, finding, traffic, began)


def _raise_alert(
    unit: Unit,
    question: Question,
    made: Evaluation,
    finding: Finding,
    traffic: Traffic,
    began: dict[str, datetime],
) -> None:
    goal = next((goal for goal in question.goals if goal.id == finding.goal), None)
    at_least, at_most = limits(goal, "watch") if goal else (None, finding.limit)
    since = alerting.first_bad(finding, question.earlier, at_least, at_most)
    cause = alerting.cause(finding, made.findings, traffic, began, since)
    alert = alerting.raised(finding, made, short_id(), since, cause)
    table.put_alert(unit.connection, alert)
    breach = Breach(
        deployment=made.deployment,
        goal=finding.goal,
        monitor=finding.monitor,
        model_ref=finding.model_ref,
        as_of=made.as_of,
        value=alert.value,
        limit=alert.limit,
        bound=alert.bound,
        on_breach=goal.on_breach if goal else ("alert",),
        alert=alert.id,
    )
    said = {"severity": alert.severity, "cause": cause, "first_bad": since.isoformat()}
    unit.emit("alert.raised", alert.ref, why=finding.detail, data=builtins(breach) | said)
    if goal:
        subject = f"deployment:{made.deployment}"
        unit.emit("monitor.breached", subject, why=finding.detail, data=builtins(breach))


def _store(connection: sa.Connection, folded: Folded) -> None:
    stored = table.stored_counts(connection, folded.changes)
    packed = {}
    for key, vector in folded.changes.items():
        if key in stored:
            counts.unpack_into(vector, stored[key])
        packed[key] = counts.pack(vector)
    table.put_counts(connection, packed, set(stored))
    table.put_entries(connection, folded.created, folded.changed)
    table.replace_waiting(connection, folded.matched, folded.waiting)


def _require_cursor(stored: Any, before: Any, journal: str) -> None:
    if stored != before:
        raise ConflictError(
            "journal-already-counted",
            f"The {journal} has been counted up to {stored}, not {before}.",
            hint="read on from the cursor that is stored; nothing was counted twice",
            context={"stored": stored, "given": before},
        )


def _require_zone(as_of: datetime) -> None:
    if as_of.tzinfo is None:
        raise UsageError(
            "moment-without-zone",
            f"The moment {as_of.isoformat()} has no time zone.",
            hint=f"write {as_of.isoformat()}+00:00",
        )


def _found(connection: sa.Connection, alert_id: str) -> Alert:
    alert = table.alert(connection, alert_id)
    if alert is None:
        known = [known.id for known in table.alerts_of(connection)]
        raise NotFoundError(
            "alert-not-found",
            f"There is no alert '{alert_id}'.{did_you_mean(alert_id, known)}",
            hint="trueup alert list",
        )
    return alert


def _gist(made: Evaluation) -> dict[str, Any]:
    verdicts: dict[str, int] = {}
    for finding in made.findings:
        verdicts[finding.verdict] = verdicts.get(finding.verdict, 0) + 1
    facts = {"as_of": made.as_of.isoformat(), "model_ref": made.model_ref}
    return facts | {"evaluation": made.id, "verdicts": verdicts}


def _point(made: Evaluation, finding: Finding) -> Point:
    return Point(
        as_of=made.as_of,
        model_ref=finding.model_ref,
        verdict=finding.verdict,
        value=finding.value,
        limit=finding.limit,
        bound=finding.bound,
        n=finding.n,
    )
