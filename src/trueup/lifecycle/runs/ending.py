"""How a run ends: what is recorded of it, and which runs have ended without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trueup.foundation import clock, digests
from trueup.foundation.records import builtins
from trueup.lifecycle.runs import process, rules, table
from trueup.lifecycle.runs.records import Run, RunError
from trueup.state.unit import Unit

_LOST: Final = RunError(
    code="run-lost",
    message="Its process ended without a word (killed, or the machine stopped).",
    hint="run the pipeline again: steps that had finished are reused",
)

if TYPE_CHECKING:
    import sqlalchemy as sa


def lost(connection: sa.Connection) -> dict[str, Run]:
    """The runs that are recorded as running and are not, by identifier, as they truly are.

    They count as ended when their process was last heard of.
    """
    now, here = clock.now(), process.machine()
    return {
        run.id: msgspec.structs.replace(run, state="lost", ended_at=beat_at, error=_LOST)
        for run, its_process, beat_at in table.running(connection)
        if rules.is_lost(its_process, beat_at, now, here, process.is_alive)
    }


def record(unit: Unit, run: Run, ended: Run) -> Run:
    """Record that a run has ended, and how."""
    table.replace(unit.connection, ended)
    steps = table.steps(unit.connection, run.id)
    seconds = (ended.ended_at - run.started_at).total_seconds() if ended.ended_at else 0.0
    unit.emit(
        f"run.{ended.state}",
        run.ref,
        before=digests.of_record(run),
        after=digests.of_record(ended),
        why=ended.error.message if ended.error else "",
        data={
            "pipeline": run.pipeline,
            "model": run.model,
            "caused_by": run.caused_by,
            "candidate": builtins(ended.candidate),
            "error": builtins(ended.error),
            "seconds": seconds,
            "steps": len(steps),
            "reused": sum(step.cached for step in steps),
        },
    )
    return ended
