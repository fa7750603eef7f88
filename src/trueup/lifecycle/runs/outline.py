"""The outline of a run: its steps and what each takes, recorded when the run begins.

So a run that goes on, or failed halfway, can be drawn whole. `rendering/drawing.py` draws it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from trueup.lifecycle.pipeline.drawing import graph as graphs
from trueup.lifecycle.pipeline.drawing.graph import Graph, Node, Output, Secret
from trueup.lifecycle.runs.records import PlannedStep, RunState, StepRun, Taken

_PLAIN: Final = (str, bytes, bool, int, float, type(None), list, tuple, dict, Secret)


def of(graph: Graph) -> tuple[PlannedStep, ...]:
    """The outline of a drawn pipeline."""
    return tuple(_planned(node) for node in graph.nodes)


def standing(
    outline: Sequence[PlannedStep],
    ended: Sequence[StepRun],
    under_way: Collection[int],
    run: RunState,
) -> dict[int, str]:
    """How each step stands, by position: as it ended, or `running`, `waiting`, `not-reached`.

    Args:
        outline: All steps.
        ended: Those that have ended.
        under_way: Positions of those that are being carried out.
        run: The state of the run.
    """
    known: dict[int, str] = {
        step.position: "cached" if step.cached else step.state for step in ended
    }
    left = "waiting" if run == "running" else "not-reached"
    for step in outline:
        is_running = run == "running" and step.position in under_way
        known.setdefault(step.position, "running" if is_running else left)
    return dict(sorted(known.items()))


def sources(step: PlannedStep, outline: Sequence[PlannedStep]) -> tuple[str, ...]:
    """What a step takes as people call it: `clean`, `split.train`, a dataset, `if check.ok`."""
    found: dict[str, None] = {}
    for each in step.takes:
        source = each.dataset or outline[each.step - 1].name
        name = f"{source}.{each.part}" if each.part else source
        word = "" if each.wanted is None else "if " if each.wanted else "unless "
        found[word + name] = None
    return tuple(found)


def shortened(value: Any) -> str:
    """A value of an argument in a few words."""
    return _words.repr(value)


def _planned(node: Node) -> PlannedStep:
    return PlannedStep(
        position=node.index + 1,
        name=node.name,
        step=node.step.name if node.step else "",
        place=str(node.at),
        takes=tuple(dict.fromkeys(_takes(node))),
        values={
            name: shortened(value)
            for name, value in node.arguments.items()
            if not any(graphs.outputs_in(value))
        },
        over=node.over,
    )


def _takes(node: Node) -> Iterator[Taken]:
    for path, output in graphs.outputs_in(node.arguments):
        yield _taken(output, argument=path)
    for condition in node.conditions:
        yield _taken(condition.output, wanted=condition.wanted)


def _taken(output: Output, **how: Any) -> Taken:
    source, part = graphs.source_of(output), ".".join(graphs.path_of(output))
    if isinstance(source, str):
        return Taken(dataset=source, part=part, **how)
    return Taken(step=source + 1, part=part, **how)


class _Shortened(reprlib.Repr):
    """Values in a few words; one that is large or strange is only named by its type."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = 60

    def repr1(self, x: Any, level: int) -> str:
        return super().repr1(x, level) if isinstance(x, _PLAIN) else f"<{type(x).__name__}>"


_words = _Shortened()
