"""Decisions about runs: which state may follow which, and when a run counts as lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs.records import Process, RunState, StepRun

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


def cost(steps: Iterable[StepRun], costs: Costs) -> float | None:
    """What steps cost at these rates: cores as they were used, memory as long as it was held.

    Returns:
        The figure in `costs.currency`; None where no rate is set.

    Example:
        >>> cost([], Costs(cpu_hour=0.05)), cost([], Costs())
        (0.0, None)
    """
    if not (costs.cpu_hour or costs.gb_hour):
        return None
    figures = (
        step.cpu_seconds / 3600 * costs.cpu_hour
        + step.peak_memory / 1e9 * step.seconds / 3600 * costs.gb_hour
        for step in steps
    )
    return sum(figures, 0.0)
