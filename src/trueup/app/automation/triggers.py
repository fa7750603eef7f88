"""Triggers: pipelines that run for a commit, for data, for labels, or for any event of the log.

Each trigger reads the event log with a cursor of its own. The request for a run and the move of
the cursor are one transaction: no event asks twice, and none is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import sqlalchemy as sa

from trueup.app.automation.polling import Polls
from trueup.app.automation.reacting import ACTOR
from trueup.app.wiring import Workspace
from trueup.foundation.errors import UsageError
from trueup.foundation.references import parse
from trueup.foundation.text import plural
from trueup.lifecycle.pipeline import triggering
from trueup.lifecycle.runs import table as runs
from trueup.lifecycle.runs.commits.service import HERE
from trueup.lifecycle.runs.requests import rules
from trueup.lifecycle.runs.requests.records import Wish
from trueup.lifecycle.runs.schedules.records import Declared
from trueup.lifecycle.runs.schedules.service import reader
from trueup.state import cursors, eventlog
from trueup.state.eventlog import Event
from trueup.state.leases import Lease

_DEEPEST = 50  # longer chains of runs that cause each other end here


class Triggers:
    """The triggers of all pipelines of a project."""

    def __init__(self, workspace: Workspace, lease: Lease, tell: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._lease = lease
        self._tell = tell
        self._told: set[str] = set()
        self._polls = Polls(workspace, ACTOR, tell)

    def pump(self, declared: Iterable[Declared], now: datetime) -> None:
        """Ask for the runs that events since the last time call for."""
        wanted = [d for d in declared if d.on and d.pipeline not in self._paused()]
        self._polls.look(branch for d in wanted for name in d.on if (branch := _branch(name)))
        limited = set()
        for each in wanted:
            for name in each.on:
                if words := self._pump_one(each, name, now):
                    limited.add(words)
        for words in sorted(limited - self._told):
            self._tell(words)
        self._told = limited

    def stop(self) -> None:
        """Wait for what is under way; it has a time limit."""
        self._polls.wait()

    def _pump_one(self, declared: Declared, name: str, now: datetime) -> str:
        """Read one trigger's events; returns what holds it back, in words."""
        place = f"{reader(declared.pipeline)}:{name}"
        with self._workspace.state.read(ACTOR) as connection:
            is_new = not cursors.is_known(connection, place)
            events = eventlog.since(connection, cursors.place(connection, place), (_type(name),))
            calls = [e for e in events if _calls(name, e, connection, declared.pipeline)]
        if is_new:  # what happened before the trigger was written does not concern it
            self._workspace.requests.pass_over(ACTOR, self._lease, place, None)
        elif events and not calls:
            self._workspace.requests.pass_over(ACTOR, self._lease, place, events[-1].seq)
        elif calls and _are_enough(name, calls) and rules.is_settled([e.at for e in calls], now):
            wish = Wish(
                pipeline=declared.pipeline,
                kind="event",
                cause=f"event:{calls[-1].id}@{declared.pipeline}",
                reason=_reason(name, calls),
            )
            seq = events[-1].seq
            if self._workspace.requests.answer(ACTOR, self._lease, place, seq, wish) is None:
                return _too_often(declared.pipeline)
        return ""

    def _paused(self) -> set[str]:
        known = self._workspace.schedules.list(ACTOR)
        return {schedule.pipeline for schedule in known if schedule.paused_at is not None}


def _branch(name: str) -> str:
    """The branch whose commits a trigger waits for; empty for other triggers."""
    if name == triggering.COMMIT:
        return HERE
    return name.removeprefix(triggering.BRANCH) if name.startswith(triggering.BRANCH) else ""


def _type(name: str) -> str:
    """The type of the events that a trigger reads."""
    if name.startswith(triggering.DATA):
        return "data.snapshot-taken"
    if triggering.labels(name):
        return "labels.counted"
    return "commit.seen" if _branch(name) else name


def _calls(name: str, event: Event, connection: sa.Connection, pipeline: str) -> bool:
    """Whether an event is one that a trigger waits for, and not the pipeline's own doing."""
    if branch := _branch(name):
        return bool(event.data["branch"] == branch)
    if name.startswith(triggering.DATA):
        dataset = name.removeprefix(triggering.DATA)
        if _dataset(event.subject) != dataset:
            return False
        if runs.has_used(connection, pipeline, dataset, event.after):
            return False
    return pipeline not in _behind(event, connection)


def _are_enough(name: str, calls: list[Event]) -> bool:
    """Whether a trigger that waits for so many labels has got them."""
    least = triggering.labels(name)
    return not least or sum(int(event.data["labels"]) for event in calls) >= least


def _too_often(pipeline: str) -> str:
    minutes = rules.WITHIN.total_seconds() / 60
    return (
        f"pipeline {pipeline} was started by events {rules.BY_EVENTS} times within {minutes:.0f} "
        f"min, which looks like a loop: it waits now. trueup schedule pause {pipeline} stops it"
    )


def _behind(event: Event, connection: sa.Connection) -> set[str]:
    """The pipelines whose runs led to an event: its own run, what caused that, and so on."""
    found: set[str] = set()
    for _ in range(_DEEPEST):
        run = next(filter(None, (runs.run(connection, r) for r in _runs_of(event))), None)
        if run is None:
            break
        found.add(run.pipeline)
        kind, _, cause = run.caused_by.partition(":")
        before = eventlog.of_id(connection, cause.partition("@")[0]) if kind == "event" else None
        if before is None:
            break
        event = before
    return found


def _runs_of(event: Event) -> Iterator[str]:
    """The run that an event tells of or was made by, as far as it says so."""
    for text in (event.on_behalf_of, event.subject):
        if text.startswith("run:"):
            yield text.removeprefix("run:")
    if isinstance(run := event.data.get("run"), str):
        yield run


def _dataset(subject: str) -> str:
    try:
        return parse(subject).name
    except UsageError:
        return ""


def _reason(name: str, calls: list[Event]) -> str:
    last = calls[-1]
    more = f", and {plural(len(calls) - 1, 'more event')} before it" if calls[1:] else ""
    if _branch(name):
        where = "" if _branch(name) == HERE else f" on {_branch(name)}"
        return f"commit {last.data['commit'][:12]}{where}{more}"
    if triggering.labels(name):
        return f"{sum(int(e.data['labels']) for e in calls):,} new labels"
    return f"{last.type} of {last.subject} by {last.actor}{more}"
