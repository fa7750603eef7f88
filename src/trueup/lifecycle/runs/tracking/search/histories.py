"""Points of a metric for drawing: the first ones by time, or a few that stand for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.records import Point
from trueup.lifecycle.runs.tracking.table import NAN, metric_names, points

# So many times the points that are wanted are read and thinned here: one question for all runs.
_THINNED: Final = 8
_COLUMNS: Final = (points.c.step, points.c.at, points.c.value, points.c.is_nan)


def by_time(connection: sa.Connection, run: int, key: str, limit: int) -> list[Point]:
    """The first points by time, step and value."""
    query = sa.select(*_COLUMNS).where(
        points.c.run == run, points.c.metric == _metric(connection, key)
    )
    order = (points.c.at, points.c.step, points.c.value)
    return _points(connection, key, query.order_by(*order).limit(limit))


def sampled(
    connection: sa.Connection,
    runs: Sequence[int],
    key: str,
    most: int,
    steps: tuple[int, int] | None,
) -> dict[int, list[Point]]:
    """At most so many points of each run by step, evenly spread, first and last among them."""
    metric = _metric(connection, key)
    within = [points.c.run.in_(runs), points.c.metric == metric]
    if steps is not None:
        within.append(points.c.step.between(*steps))
    counted = sa.select(points.c.run, sa.func.count()).where(*within).group_by(points.c.run)
    counts = {row[0]: row[1] for row in connection.execute(counted)}
    few = [run for run, count in counts.items() if count <= most * _THINNED]
    query = sa.select(points.c.run, *_COLUMNS).where(*within, points.c.run.in_(few))
    read: dict[int, list[Point]] = {run: [] for run in runs}
    for run, *columns in connection.execute(query.order_by(points.c.run, *_COLUMNS)):
        read[run].append(_point(key, *columns))
    found = {run: [all_[at] for at in _places(len(all_), most)] for run, all_ in read.items()}
    for run in counts.keys() - few:
        places = _places(counts[run], most)
        found[run] = _at(connection, [*within, points.c.run == run], key, places)
    return found


def _places(count: int, most: int) -> Sequence[int]:
    """The i-th of m out of n points is the one at i * (n - 1) / (m - 1); of one point, the last."""
    if count <= most:
        return range(count)
    if most == 1:
        return [count - 1]
    return sorted({i * (count - 1) // (most - 1) for i in range(most)})


def _at(
    connection: sa.Connection,
    within: Sequence[sa.ColumnElement[bool]],
    key: str,
    places: Sequence[int],
) -> list[Point]:
    """The points at these places in their order, without reading the others."""
    place = (sa.func.row_number().over(order_by=_COLUMNS) - 1).label("place")
    numbered = sa.select(*_COLUMNS, place).where(*within).subquery()
    columns = [numbered.c[column.name] for column in _COLUMNS]
    query = sa.select(*columns).where(numbered.c.place.in_(places)).order_by(numbered.c.place)
    return _points(connection, key, query)


def _metric(connection: sa.Connection, key: str) -> int:
    number = sa.select(metric_names.c.number).where(metric_names.c.name == key)
    metric = connection.execute(number).scalar()
    return -1 if metric is None else metric


def _points(connection: sa.Connection, key: str, query: sa.Select[Any]) -> list[Point]:
    return [_point(key, *columns) for columns in connection.execute(query)]


def _point(key: str, step: int, at: int, value: float, is_nan: bool) -> Point:
    return Point(key, NAN if is_nan else value, step, at)
