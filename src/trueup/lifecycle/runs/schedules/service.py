"""The verbs of schedules. A look at one asks for what is due and notes it, in one transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.requests import service as requests
from trueup.lifecycle.runs.requests import table as requests_table
from trueup.lifecycle.runs.requests.records import RunRequest
from trueup.lifecycle.runs.schedules import rules, table
from trueup.lifecycle.runs.schedules.records import Declared, Schedule
from trueup.state import cursors
from trueup.state.leases import Lease
from trueup.state.unit import State, Unit


class Schedules:
    """When pipelines run by themselves, and up to where that was seen to."""

    def __init__(self, state: State) -> None:
        self._state = state

    def look(
        self, actor: Actor, lease: Lease, declared: Declared, now: datetime
    ) -> tuple[list[RunRequest], str]:
        """Ask for the runs that are due now; returns them, and a note when something changed.

        A pipeline that was not known is noted: its slots count from then on.

        Raises:
            ConflictError: The lease belongs to another process by now.
        """
        with self._state.read(actor) as connection:
            known = table.of_pipeline(connection, declared.pipeline)
            waiting = _waiting(connection, declared.pipeline)
        if known is not None:
            seen = rules.look(declared, known, now, len(waiting))
            if not seen.due and not seen.note:
                return [], ""  # nothing to write: the next look begins where this one did
        with self._state.write(actor, "runs.write") as unit:
            lease.require(unit.connection)
            known = table.of_pipeline(unit.connection, declared.pipeline)
            if known is None:
                _note(unit, declared, now)
                return [], ""
            waiting = _waiting(unit.connection, declared.pipeline)
            seen = rules.look(declared, known, now, len(waiting))
            table.change(
                unit.connection,
                declared.pipeline,
                schedule=declared.schedule,
                timezone=declared.timezone,
                looked_at=seen.looked_at,
            )
            if seen.due and declared.catch_up == "latest":
                for older in waiting:
                    requests.drop(unit, older, "a later slot is due: it runs instead")
            if seen.note:
                _emit(unit, "changed", declared.pipeline, seen.note)
            asked = [requests.put(unit, rules.wish(declared, s, now)) for s in seen.due]
            return asked, seen.note

    def pause(self, actor: Actor, pipeline: str, why: str = "") -> Schedule:
        """Let a pipeline start by itself no more, neither by its schedule nor by events."""
        with self._state.write(actor, "runs.write") as unit:
            known = _known(unit, pipeline)
            if known.paused_at is None:
                table.change(
                    unit.connection,
                    pipeline,
                    paused_at=unit.at,
                    paused_by=actor.name,
                    why=why,
                )
                _emit(unit, "paused", pipeline, why)
            return _known(unit, pipeline)

    def resume(self, actor: Actor, pipeline: str) -> Schedule:
        """Let a pipeline start by itself again; what came while it was paused is let go."""
        with self._state.write(actor, "runs.write") as unit:
            known = _known(unit, pipeline)
            if known.paused_at is not None:
                table.change(
                    unit.connection,
                    pipeline,
                    paused_at=None,
                    paused_by="",
                    why="",
                    looked_at=unit.at,
                )
                cursors.skip_all(unit.connection, f"{reader(pipeline)}:")
                _emit(unit, "resumed", pipeline, "")
            return _known(unit, pipeline)

    def list(self, actor: Actor) -> list[Schedule]:
        """What is known of all pipelines that were ever looked at, by name."""
        with self._state.read(actor) as connection:
            return table.everything(connection)


def reader(pipeline: str) -> str:
    """What the names begin with under which a pipeline's triggers read the event log."""
    return f"trigger:{pipeline}"


def _known(unit: Unit, pipeline: str) -> Schedule:
    known = table.of_pipeline(unit.connection, pipeline)
    if known is not None:
        return known
    new = Schedule(pipeline=pipeline, schedule="", timezone="UTC", looked_at=unit.at)
    table.add(unit.connection, new)
    return new


def _note(unit: Unit, declared: Declared, now: datetime) -> None:
    table.add(
        unit.connection,
        Schedule(
            pipeline=declared.pipeline,
            schedule=declared.schedule,
            timezone=declared.timezone,
            looked_at=now,
        ),
    )
    _emit(unit, "noted", declared.pipeline, f"schedule: {rules.described(declared)}")


def _emit(unit: Unit, what: str, pipeline: str, why: str) -> None:
    unit.emit(f"schedule.{what}", f"pipeline:{pipeline}", why=why, data={"pipeline": pipeline})


def _waiting(connection: sa.Connection, pipeline: str) -> list[RunRequest]:
    return requests_table.in_states(connection, ["waiting"], pipeline, "slot")
