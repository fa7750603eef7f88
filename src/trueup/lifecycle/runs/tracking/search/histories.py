"""Points of a metric for drawing: the first ones by time, or a few that stand for all."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.records import Point
from trueup.lifecycle.runs.tracking.table import NAN, metric_names, points

_COLUMNS: Final = (points.c.step, points.c.at, points.c.value, points.c.is_nan)


def by_time(connection: sa.Connection, run: int, key: str, limit: int) -> list[Point]:
    """The first points by time, step and value."""
    order = (points.c.at, points.c.step, points.c.value)
    query = _of(connection, run, key).add_columns(*_COLUMNS).order_by(*order).limit(limit)
    return _points(connection, key, query)


def sampled(
    connection: sa.Connection, run: int, key: str, most: int, steps: tuple[int, int] | None
) -> list[Point]:
    """At most so many points by step, evenly spread, the first and the last among them."""
    within = _of(connection, run, key)
    if steps is not None:
        within = within.where(points.c.step.between(*steps))
    count = connection.execute(within.add_columns(sa.func.count())).scalar() or 0
    if count <= most:
        return _points(connection, key, within.add_columns(*_COLUMNS).order_by(*_COLUMNS))
    place = (sa.func.row_number().over(order_by=_COLUMNS) - 1).label("place")
    numbered = within.add_columns(*_COLUMNS, place).subquery()
    # The i-th of m out of n points is the one at i * (n - 1) / (m - 1); of one point, the last.
    steps_between = max(most - 1, 1)
    wanted = sorted(
        {i * (count - 1) // steps_between for i in range(most)} if most > 1 else {count - 1}
    )
    columns = [numbered.c[column.name] for column in _COLUMNS]
    query = sa.select(*columns).where(numbered.c.place.in_(wanted)).order_by(numbered.c.place)
    return _points(connection, key, query)


def _of(connection: sa.Connection, run: int, key: str) -> sa.Select[Any]:
    number = sa.select(metric_names.c.number).where(metric_names.c.name == key)
    metric = connection.execute(number).scalar()
    return sa.select().where(
        points.c.run == run, points.c.metric == (-1 if metric is None else metric)
    )


def _points(connection: sa.Connection, key: str, query: sa.Select[Any]) -> list[Point]:
    return [
        Point(key, NAN if is_nan else value, step, at)
        for step, at, value, is_nan in connection.execute(query)
    ]
