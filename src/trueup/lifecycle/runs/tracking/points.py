"""The way of points into the database: by the driver itself, for it is the hottest of all writes.

A point is no event. It survives a kill of this process at once, and a loss of power a second later
(`state/writer.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.records import Point
from trueup.state import driver

LARGEST = 1.7976931348623157e308

_COLUMNS = "(run, metric, step, at, value, is_nan)"
_ADD = f"INSERT INTO points {_COLUMNS}"
_LATEST = f"""
INSERT INTO latest_points {_COLUMNS} VALUES ({driver.marks(6)})
ON CONFLICT (run, metric) DO UPDATE
SET step = excluded.step, at = excluded.at, value = excluded.value, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.at, excluded.value)
    >= (latest_points.step, latest_points.at, latest_points.value)
"""

_ASKED = 500  # names in one question: SQLite takes no more than 999 values in old versions
_NAME = "INSERT INTO metric_names (name) VALUES (?) ON CONFLICT DO NOTHING"


def held(value: float) -> float:
    """The value with infinities held at the largest float, as the wire knows them."""
    return max(-LARGEST, min(LARGEST, value)) if math.isinf(value) else value


def add(connection: sa.Connection, run: int, points: Sequence[Point]) -> None:
    """Keep points of a run; the same point again changes nothing.

    Args:
        connection: An open transaction.
        run: Number of the run.
        points: In any order.
    """
    if not points:
        return
    keys, given, steps, times = zip(*points, strict=True)
    numbers = _numbers(connection, sorted(set(keys)))
    metrics = map(numbers.__getitem__, keys)
    values, are_nan = zip(*map(stored, given), strict=True)
    # In the order of the table: so the last row of each metric is its latest point, too.
    rows = sorted(zip(repeat(run), metrics, steps, times, values, are_nan))
    driver.add_many(connection, _ADD, rows, "ON CONFLICT DO NOTHING")
    driver.execute_many(connection, _LATEST, {row[1]: row for row in rows}.values())


def stored(value: float) -> tuple[float, int]:
    """The columns of a value: SQLite has no NaN."""
    if math.isfinite(value):
        return value, 0
    return (0.0, 1) if math.isnan(value) else (held(value), 0)


def _numbers(connection: sa.Connection, names: list[str]) -> dict[str, int]:
    """The numbers of metrics by name; those that are new get one.

    Not remembered from one transaction to the next: one that is undone takes its numbers back.
    """
    found = _found(connection, names)
    new = [(name,) for name in names if name not in found]
    if new:
        driver.execute_many(connection, _NAME, new)
        found = _found(connection, names)
    return found


def _found(connection: sa.Connection, names: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(names), _ASKED):
        some = names[start : start + _ASKED]
        query = f"SELECT name, number FROM metric_names WHERE name IN ({driver.marks(len(some))})"
        found |= dict(driver.execute(connection, query, some))
    return found
