"""The way of points into the database: by the driver itself, for it is the hottest of all writes.

A point is no event. It survives a kill of this process at once, and a loss of power after the next
event or checkpoint (`relaxed` in `state/database.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking import table
from trueup.lifecycle.runs.tracking.records import Point
from trueup.state.schema import upsert

LARGEST = 1.7976931348623157e308

_ADD = (
    "INSERT INTO points (run, metric, step, at, value, is_nan) VALUES ({}) ON CONFLICT DO NOTHING"
)
_LATEST = """
INSERT INTO latest_points (run, metric, step, at, value, is_nan) VALUES ({})
ON CONFLICT (run, metric) DO UPDATE
SET step = excluded.step, at = excluded.at, value = excluded.value, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.at, excluded.value)
    >= (latest_points.step, latest_points.at, latest_points.value)
"""


def held(value: float) -> float:
    """The value with infinities held at the largest float, as the wire knows them."""
    return max(-LARGEST, min(LARGEST, value)) if math.isinf(value) else value


def add(
    connection: sa.Connection, run: int, points: Sequence[Point], known: dict[str, int]
) -> dict[str, int]:
    """Keep points of a run; the same point again changes nothing.

    Args:
        connection: An open transaction.
        run: Number of the run.
        points: In any order.
        known: Numbers of metrics that are known.

    Returns:
        The numbers of metrics that were not known; true once the transaction is committed.
    """
    new = _number(connection, {point.key for point in points} - known.keys())
    rows = [
        (run, known.get(key) or new[key], step, at, *_stored(value))
        for key, value, step, at in points
    ]
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * 6)
    connection.exec_driver_sql(_ADD.format(marks), rows)
    # Row by row in this order: the last one that a metric gets is its latest.
    connection.exec_driver_sql(_LATEST.format(marks), rows)
    return new


def _stored(value: float) -> tuple[float, int]:
    return (0.0, 1) if math.isnan(value) else (held(value), 0)


def _number(connection: sa.Connection, names: set[str]) -> dict[str, int]:
    if not names:
        return {}
    columns = table.metric_names.c
    query = sa.select(columns.name, columns.number).where(columns.name.in_(names))
    found = {row.name: row.number for row in connection.execute(query)}
    if found.keys() != names:
        # In one order: two servers must not wait for each other crosswise.
        rows = [{"name": name} for name in sorted(names - found.keys())]
        upsert(connection, table.metric_names, rows, key=("name",), replace=False)
        found = {row.name: row.number for row in connection.execute(query)}
    return found
