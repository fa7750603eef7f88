"""Decisions about runs: which state may follow which, and when a run counts as lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs.records import ItemCounts, Process, RunState, StepRun, StepState

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


def item_counts(
    counted: Iterable[tuple[int, StepState, bool, int]], failed: Iterable[tuple[int, str]]
) -> tuple[ItemCounts, ...]:
    """How the items of each step ended, from what the database counts.

    Args:
        counted: Position of the step, state, whether reused, and how many items.
        failed: Position of the step, and name of an item that failed.

    Example:
        >>> item_counts([(2, "failed", False, 1), (2, "finished", True, 7)], [(2, "fit[3]")])
        (ItemCounts(position=2, reused=7, states={'failed': 1}, failed=('fit[3]',)),)
    """
    reused: dict[int, int] = {}
    states: dict[int, dict[StepState, int]] = {}
    names: dict[int, list[str]] = {}
    for position, state, is_reused, count in counted:
        ended = states.setdefault(position, {})
        if is_reused:
            reused[position] = reused.get(position, 0) + count
        else:
            ended[state] = ended.get(state, 0) + count
    for position, name in failed:
        names.setdefault(position, []).append(name)
    return tuple(
        ItemCounts(
            position=position,
            reused=reused.get(position, 0),
            states=ended,
            failed=tuple(names.get(position, ())),
        )
        for position, ended in states.items()
    )
