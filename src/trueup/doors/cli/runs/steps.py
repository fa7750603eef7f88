"""The steps of a run in a terminal: a tree by what takes what, and a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from trueup.doors.cli.terminal import output
from trueup.foundation.text import seconds, size
from trueup.lifecycle.runs import outline
from trueup.lifecycle.runs.records import PlannedStep, RunDetail, StepRun

_DEEPEST = 8  # levels; what follows stands below each other: two hundred steps in a row fit, too
_WIDE = 120  # columns of a terminal that has room for usage and for all that a step takes


def show(detail: RunDetail, under_way: frozenset[int]) -> None:
    """Print the steps.

    Args:
        detail: The run.
        under_way: Positions of the steps that are being carried out.
    """
    states = outline.standing(detail.outline, detail.steps, under_way, detail.run.state)
    ended = {step.position: step for step in detail.steps}
    planned = {step.position: step for step in detail.outline}
    is_wide = output.width() >= _WIDE
    columns = ["no", "step", "state", "took", "CPU", "memory", "rows", "takes", "why"]
    rows = []
    for position, branch in tree(detail.outline) or [(position, "") for position in states]:
        step = ended.get(position)
        name = step.step if step else planned[position].name
        takes = outline.sources(planned[position], detail.outline) if planned else ()
        rows.append(
            (
                position,
                Text.assemble((branch, "dim"), name),
                output.state(states[position]),
                *_figures(step),
                ", ".join(takes),
                "; ".join(step.why[:2]) if step else "",
            )
        )
    if not is_wide:
        narrow = [at for at, name in enumerate(columns) if name not in ("CPU", "memory", "takes")]
        columns = [columns[at] for at in narrow]
        rows = [tuple(row[at] for at in narrow) for row in rows]
    output.table(columns, rows, whole=2)


def tree(steps: Sequence[PlannedStep]) -> list[tuple[int, str]]:
    """Each step below the last of those it takes something from: position, and what leads to it."""
    below: dict[int, list[int]] = {}
    for step in steps:
        below.setdefault(_parent(step), []).append(step.position)
    return list(_walk(below))


def _walk(below: dict[int, list[int]]) -> Iterator[tuple[int, str]]:
    waiting = [(position, "", "") for position in reversed(below.get(0, ()))]
    while waiting:
        position, branch, lead = waiting.pop()
        yield position, branch
        children = below.get(position, [])
        is_deep = len(lead) >= 2 * _DEEPEST
        for number, child in enumerate(reversed(children)):
            is_last = number == 0
            if is_deep and is_last:
                waiting.append((child, branch, lead))
            else:
                corner = "╰ " if is_last else "├ "
                waiting.append((child, lead + corner, lead + ("  " if is_last else "│ ")))


def _parent(step: PlannedStep) -> int:
    arguments = [each.step for each in step.takes if each.wanted is None]
    return max(arguments, default=0) or max((each.step for each in step.takes), default=0)


def _figures(step: StepRun | None) -> tuple[object, ...]:
    if step is None:
        return None, None, None, None
    rows: object = f"{step.items:,} items" if step.items else None
    if step.outputs is not None and not step.items:
        rows = step.outputs.rows
    return (
        seconds(step.seconds) if step.attempts else None,
        seconds(step.cpu_seconds) if step.cpu_seconds else None,
        size(step.peak_memory) if step.peak_memory else None,
        rows,
    )
