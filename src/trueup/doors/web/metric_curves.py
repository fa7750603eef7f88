"""Curves of tracked runs: points of their metrics, evenly spread, and their drawings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.records import TrackedRun
from trueup.rendering import curves
from trueup.rendering.curves import Curve

SYSTEM: Final = "system/"
_POINTS: Final = 300
_IN_A_CELL: Final = 40


class Drawn(Record):
    """Curves of one metric: runs by identifier, with step and value of some of their points."""

    metric: str
    points: dict[str, tuple[tuple[int, float | None], ...]]


def of(
    workspace: Workspace, actor: Actor, runs: Sequence[TrackedRun], names: Iterable[str]
) -> tuple[Drawn, ...]:
    """The curves of these metrics; those of a single point are left out."""
    drawn = (
        sampled(
            workspace,
            actor,
            [run.id for run in runs if any(point.key == name for point in run.metrics)],
            name,
            _POINTS,
        )
        for name in names
    )
    return tuple(each for each in drawn if any(len(points) > 1 for points in each.points.values()))


def in_cells(workspace: Workspace, actor: Actor, runs: Sequence[str], metric: str) -> Drawn:
    """The curve of one metric of each run, with as many points as a cell has room for."""
    return sampled(workspace, actor, runs, metric, _IN_A_CELL)


def sampled(
    workspace: Workspace, actor: Actor, runs: Sequence[str], metric: str, most: int
) -> Drawn:
    """Some points of one metric of each run, the first and the last among them."""
    points: dict[str, list[tuple[int, float | None]]] = {run: [] for run in runs}
    for run, point in workspace.search.samples(actor, runs, metric, most):
        points[run].append((point.step, finite(point.value)))
    return Drawn(metric=metric, points={run: tuple(found) for run, found in points.items()})


def drawings(drawn: Iterable[Drawn], runs: Sequence[TrackedRun]) -> dict[str, Markup]:
    """The picture of each metric; runs keep their line from one picture to the next."""
    found = {}
    for each in drawn:
        lines = [Curve(run.name, _numbers(each.points.get(run.id, ()))) for run in runs]
        picture = curves.svg(lines, f"{each.metric} by step")
        found[each.metric] = Markup(picture)  # noqa: S704 - its texts are escaped there
    return found


def sparks(drawn: Drawn) -> dict[str, Markup]:
    """The same as a small picture for a cell, by run."""
    return {
        run: Markup(curves.spark(_numbers(points), f"{drawn.metric} by step"))  # noqa: S704
        for run, points in drawn.points.items()
        if len(points) > 1
    }


def keys(count: int) -> list[Markup]:
    """A short piece of the line of each run."""
    return [Markup(curves.key(place)) for place in range(count)]  # noqa: S704 - constants


def names(keys: Iterable[str]) -> list[str]:
    """Names of metrics in order, those of the training before those of the machine."""
    return sorted(keys, key=lambda key: (key.startswith(SYSTEM), key))


def finite(value: float | None) -> float | None:
    """A value that JSON can say; None for all others."""
    return value if value is not None and math.isfinite(value) else None


def _numbers(points: Iterable[tuple[int, float | None]]) -> list[tuple[int, float]]:
    return [(step, math.nan if value is None else value) for step, value in points]
