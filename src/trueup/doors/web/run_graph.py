"""The drawing of a run: its datasets and steps, what takes what, and how each stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trueup.doors.web import links
from trueup.foundation.text import plural
from trueup.lifecycle.runs.records import ItemCounts, PlannedStep, RunDetail, StepRun, Taken
from trueup.rendering import drawing, folding, words
from trueup.rendering.drawing import Box, Edge

_PALE = ("skipped", "not-reached")


def svg(
    detail: RunDetail,
    states: Mapping[int, str],
    data: Mapping[str, str],
    items: Mapping[int, ItemCounts],
) -> str:
    """The drawing; empty for a run without an outline, and for one that is too large to be read.

    Args:
        detail: The run.
        states: How each step stands, by position.
        data: References of the versions it reads, by name of the dataset.
        items: How the items of steps over lists have ended, by position.
    """
    boxes, edges = _boxes(detail, states, data, items)
    boxes, edges = folding.fold(boxes, edges)
    if not boxes or len(boxes) > drawing.MOST:
        return ""
    title = f"The steps of run {detail.run.id}"
    counted = f"{plural(len(detail.outline), 'step')} and what each takes"
    return drawing.svg(boxes, edges, title, f"{counted}. The table below says the same.", "steps")


def _boxes(
    detail: RunDetail,
    states: Mapping[int, str],
    data: Mapping[str, str],
    items: Mapping[int, ItemCounts],
) -> tuple[list[Box], list[Edge]]:
    outline = detail.outline
    datasets = list(dict.fromkeys(t.dataset for step in outline for t in step.takes if t.dataset))
    place = {name: number for number, name in enumerate(datasets)}
    boxes = [_dataset(name, data.get(name, "")) for name in datasets]
    ended = {step.position: step for step in detail.steps}
    edges = []
    for step in outline:
        here = len(boxes)
        boxes.append(
            _step(step, states[step.position], ended.get(step.position), items.get(step.position))
        )
        for each in _drawn(step, outline):
            source = place[each.dataset] if each.dataset else len(datasets) + each.step - 1
            edges.append(Edge(source, here, each.wanted is not None))
    return boxes, edges


def _drawn(step: PlannedStep, outline: Sequence[PlannedStep]) -> Iterator[Taken]:
    """What is drawn of what a step takes: no condition that held already for what it takes."""
    held = {
        condition
        for before in step.takes
        if before.step and before.wanted is None
        for condition in outline[before.step - 1].takes
        if condition.wanted is not None
    }
    return (each for each in step.takes if each not in held)


def _dataset(name: str, ref: str) -> Box:
    version = ref.rpartition("@")[2]
    note = f"version {version}" if ref else "dataset"
    return Box(name, note, shape="data", href=links.address(ref) or "" if ref else "")


def _step(planned: PlannedStep, state: str, ended: StepRun | None, items: ItemCounts | None) -> Box:
    shown = words.state(state)
    note = shown.word
    if ended is not None and ended.attempts:
        note += f" · {words.duration(ended.seconds)}"
    if planned.over:
        note = _many(shown.word, ended, items)
    return Box(
        label=planned.name,
        note=note,
        mark=shown.mark,
        tone=shown.tone,
        shape="many" if planned.over else "step" if planned.step else "choice",
        href=f"#step-{planned.position}",
        is_pale=state in _PALE,
        kin="" if planned.over or not planned.step else f"{planned.step} {state}",
    )


def _many(word: str, ended: StepRun | None, items: ItemCounts | None) -> str:
    """The items of a step over a list: all when it has ended, else those that have."""
    failed = items.states.get("failed", 0) if items else 0
    done = items.reused + sum(items.states.values()) if items else 0
    if ended is not None and ended.items:
        whole = plural(ended.items, "item")
        return f"{failed:,} of {whole} failed" if failed else f"{whole} · {word}"
    return f"{plural(done, 'item')} so far" if done else f"{word}, over a list"
