"""The facts that events tell: what went live, what was rolled back, what monitors found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup.app.scoring.facts import Proposed, RolledBack, Watched, WentLive
from trueup.app.scoring.proving import MONTH, YEAR
from trueup.lifecycle.improvement.table import proposals
from trueup.lifecycle.monitoring.records import Finding
from trueup.lifecycle.monitoring.table import evaluations
from trueup.lifecycle.releases.table import releases
from trueup.people.table import approvals
from trueup.state import eventlog

_EVALUATIONS: Final = 100
_OF_A_VERSION: Final = 5
_EVENTS: Final = 3000
_AUTOMATION: Final = "automation"


def went_live(connection: sa.Connection, model: str, at: datetime) -> tuple[WentLive, ...]:
    """Every time a release of a model took all the traffic of a place, newest first."""
    events = eventlog.between(connection, ("release.went-live",), at, most=_EVENTS)
    grounds = _grounds(connection, model)
    served: dict[str, set[str]] = {}
    found = []
    for event in reversed(events):
        before = served.setdefault(event.subject.partition("@")[0], set())
        is_first, is_known = not before, str(event.data["model"]) in before
        before.add(str(event.data["model"]))
        if not _is_of(event, model):
            continue
        verdict, approval, by = grounds.get(event.subject, ("", "", ""))
        found.append(
            WentLive(
                ref=event.subject,
                model_ref=str(event.data["model"]),
                at=event.at,
                how="canary" if event.before == "canary" else "again" if is_known else "at-once",
                is_first=is_first,
                by_itself=event.actor == _AUTOMATION,
                verdict=verdict,
                approved_by=by,
                approval=approval,
            )
        )
    return tuple(reversed(found))


def serving(lives: Sequence[WentLive], places: Sequence[str]) -> str:
    """The version that took the traffic last in a place of the plan."""
    here = [each for each in lives if each.ref.removeprefix("release:").split("@")[0] in places]
    return here[0].model_ref if here else ""


def rolled_back(connection: sa.Connection, model: str, at: datetime) -> tuple[RolledBack, ...]:
    """The rollbacks of the last year, newest first."""
    events = eventlog.between(connection, ("release.rolled-back",), at, since=at - YEAR)
    return tuple(
        RolledBack(
            ref=event.subject, at=event.at, event=event.id, by_itself=event.actor == _AUTOMATION
        )
        for event in events
        if _is_of(event, model)
    )


def watched(
    connection: sa.Connection, places: Iterable[str], model: str, at: datetime
) -> tuple[Watched, ...]:
    """What monitors found of late, and the last findings about each version of a year."""
    subjects = [f"deployment:{place}" for place in places]
    if not subjects:
        return ()
    events = eventlog.between(
        connection,
        ("monitors.evaluated",),
        at,
        since=at - YEAR,
        subjects=subjects,
        most=_EVENTS,
    )
    wanted: dict[str, eventlog.Event] = {}
    of_version: dict[str, int] = {}
    recent = 0
    for event in events:
        ref = str(event.data["model_ref"])
        of_version[ref] = of_version.get(ref, 0) + 1
        is_recent = event.at > at - MONTH and recent < _EVALUATIONS
        recent += is_recent
        if is_recent or of_version[ref] <= _OF_A_VERSION:
            wanted[str(event.data["evaluation"])] = event
    columns = evaluations.c
    query = sa.select(columns.id, columns.deployment, columns.findings)
    rows = connection.execute(query.where(columns.id.in_(list(wanted))))
    found = [
        seen
        for row in rows
        for seen in _findings(row.deployment, row.findings, wanted[row.id], model)
    ]
    return tuple(sorted(found, key=lambda seen: seen.at, reverse=True))


def _findings(
    deployment: str, findings: list[Any], event: eventlog.Event, model: str
) -> Iterable[Watched]:
    for finding in msgspec.convert(findings, tuple[Finding, ...]):
        if finding.is_live and finding.model_ref.partition("@")[0] == model:
            yield Watched(
                deployment=deployment,
                kind=finding.kind,
                goal=finding.goal,
                verdict=finding.verdict,
                model_ref=finding.model_ref,
                at=event.at,
                event=event.id,
                value=finding.value,
                rows=finding.n,
            )


def proposed(connection: sa.Connection, model: str, at: datetime) -> tuple[Proposed, ...]:
    """The retrainings that evidence asked for in a year, newest first."""
    mine = {
        row.id: row.goal
        for row in connection.execute(
            sa.select(proposals.c.id, proposals.c.goal).where(proposals.c.model == model)
        )
    }
    return tuple(
        Proposed(event=event.id, at=event.at, goal=mine[str(event.data["proposal"])])
        for event in eventlog.between(connection, ("improvement.proposed",), at, since=at - YEAR)
        if event.data.get("proposal") in mine
    )


def _grounds(connection: sa.Connection, model: str) -> dict[str, tuple[str, str, str]]:
    """Release to its verdict, its approval, and who gave that."""
    columns = releases.c
    query = sa.select(columns.deployment, columns.number, columns.verdict, columns.approval).where(
        columns.model == model
    )
    rows = list(connection.execute(query))
    asked = sa.select(approvals.c.id, approvals.c.decided_by).where(
        approvals.c.id.in_([row.approval for row in rows]), approvals.c.state == "approved"
    )
    said_yes = {row.id: row.decided_by for row in connection.execute(asked)}
    return {
        f"release:{row.deployment}@{row.number}": (
            row.verdict,
            row.approval if row.approval in said_yes else "",
            said_yes.get(row.approval, ""),
        )
        for row in rows
    }


def _is_of(event: eventlog.Event, model: str) -> bool:
    return str(event.data.get("model", "")).partition("@")[0] == model
