"""Watching: count what the journal holds since the last time, then let the monitors look."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.lifecycle.monitoring.records import Evaluation, Ingested
from trueup.lifecycle.serving.journal import reader
from trueup.lifecycle.serving.records import AnyRecord, Cursor
from trueup.lifecycle.serving.service import Journals

# Requests counted in one transaction: bounds the memory of a long catch-up.
_MOST = 5_000


def count(workspace: Workspace, actor: Actor) -> Ingested:
    """Fold all new journal records into the monitors' counts; a crash loses and doubles nothing."""
    before = workspace.monitors.cursor(actor)
    total = Ingested()
    batch: list[AnyRecord] = []
    place = msgspec.convert(before, Cursor) if before else None
    for record, after in reader.read(workspace.settings.journal, place):
        # Records that were written together share a cursor: a batch ends only where it moves.
        if len(batch) >= _MOST and after != place:
            total = _sum(total, workspace.monitors.ingest(actor, batch, before, place))
            before, batch = place, []
        batch.append(record)
        place = after
    if batch:
        total = _sum(total, workspace.monitors.ingest(actor, batch, before, place))
    Journals(workspace.state).register(actor, workspace.settings.journal)
    return total


def has_news(workspace: Workspace, actor: Actor, deployment: str) -> bool:
    """Whether the journal holds a request or a label of a deployment that is not yet counted."""
    known = workspace.monitors.cursor(actor)
    place = msgspec.convert(known, Cursor) if known else None
    news = reader.read(workspace.settings.journal, place)
    return any(record.deployment == deployment for record, _ in news)


def watch(workspace: Workspace, actor: Actor, deployment: str, at: datetime) -> Evaluation:
    """Count what is new, then evaluate all monitors of a deployment at a moment of its traffic."""
    count(workspace, actor)
    evaluation = workspace.monitors.evaluate(actor, deployment, at)
    workspace.monitors.judge_alerts(actor, deployment, at)
    return evaluation


def _sum(left: Ingested, right: Ingested) -> Ingested:
    return Ingested(
        **{name: getattr(left, name) + getattr(right, name) for name in Ingested.__struct_fields__}
    )
