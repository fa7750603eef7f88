"""Decisions about runs: which state may follow which, and when a run counts as lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.runs.records import Process, RunState

BEAT: Final = timedelta(seconds=15)
SILENCE: Final = timedelta(seconds=90)
ENDS: Final[frozenset[RunState]] = frozenset({"finished", "failed", "interrupted", "lost"})


def check_transition(run_id: str, before: RunState, after: RunState) -> None:
    """Refuse to change a run that has ended.

    Raises:
        ConflictError: It has ended.
    """
    if before != "running" or after not in ENDS:
        raise ConflictError(
            "run-ended",
            f"Run {run_id} is {before} and cannot become {after}.",
            hint=f"trueup runs show run:{run_id}",
            context={"run": run_id, "state": before},
        )


def is_lost(
    process: Process,
    beat_at: datetime,
    now: datetime,
    here: str,
    is_alive: Callable[[Process], bool],
) -> bool:
    """Whether a running run has lost its process.

    Args:
        process: The process that executes it.
        beat_at: When it last said that it lives.
        now: The present moment.
        here: This machine; only here a process number means something.
        is_alive: Whether a process of this machine lives.
    """
    if process.machine == here:
        return not is_alive(process)
    return now - beat_at > SILENCE
