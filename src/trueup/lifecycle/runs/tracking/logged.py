"""What runs logged: out of the tables, or as one text that stands beside a run that has ended.

A page of a thousand whole runs is a thousand rows then, and not half a million. The text has the
shape of MLflow's wire, so that the door hands it on as it is. A run without a text is right, too:
it is composed when it is asked for. So whoever changes a run takes its text away first.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isnan
from typing import Final

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.runs.tracking import table
from trueup.lifecycle.runs.tracking.points import stored
from trueup.lifecycle.runs.tracking.records import Point, State
from trueup.state import driver

_NAN: Final = "NaN"
_KEY: Final = operator.attrgetter("key")
_WORDS: Final = msgspec.json.Decoder(dict[str, str])

ENDED: Final[frozenset[State]] = frozenset({"finished", "failed", "killed"})


class Word(msgspec.Struct, frozen=True, gc=False):
    """A tag or a parameter; made by the hundred thousand, and for less than a dict costs."""

    key: str
    value: str


class Metric(msgspec.Struct, frozen=True, gc=False):
    """A point of a metric; as many. NaN is a word, since JSON has no number for it."""

    key: str
    value: float | str
    timestamp: int
    step: int


class _Logged(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    metrics: list[Metric] = []
    params: list[Word] = []
    tags: list[Word] = []


def words(
    connection: sa.Connection,
    source: str,
    wanted: Sequence[int],
    keys: Collection[str] | None = None,
) -> dict[int, dict[str, str]]:
    """The tags or the parameters of runs, or those of them with these names."""
    if keys is not None and not keys:
        return {}
    # One row of JSON for each run: a quarter of the time that a row for each word takes.
    is_sqlite = connection.dialect.name == "sqlite"
    said = "json_group_object(key, value)" if is_sqlite else "json_object_agg(key, value)::text"
    query = f"SELECT run, {said} FROM {source} WHERE run IN ({{}})"
    if keys is not None:
        query += f" AND key IN ({driver.marks(len(keys))})"
    rows = table.about(connection, f"{query} GROUP BY run", wanted, keys or ())
    return {number: _WORDS.decode(row) for number, row in rows}


def latest(
    connection: sa.Connection, wanted: Sequence[int], keys: Collection[str] | None = None
) -> dict[int, list[Point]]:
    """The last point of each metric of runs, or of those metrics with these names."""
    query = "SELECT run, metric, value, is_nan, step, at FROM latest_points WHERE run IN ({})"
    numbers: Collection[int] = ()
    if keys is not None:
        if not keys:
            return {}
        numbers = table.metric_numbers(connection, keys).values()
        if not numbers:
            return {}
        query += f" AND metric IN ({driver.marks(len(numbers))})"
    rows = list(table.about(connection, query, wanted, numbers))
    names = table.metrics_numbered(connection, {row[1] for row in rows})
    found: dict[int, list[Point]] = {}
    for number, metric, value, is_nan, step, at in rows:
        point = Point(names[metric], table.NAN if is_nan else value, step, at)
        listed = found.get(number)
        if listed is None:
            found[number] = [point]
        else:
            listed.append(point)
    for listed in found.values():
        listed.sort(key=_KEY)
    return found


def history(
    connection: sa.Connection, run: int, key: str, limit: int, after: Metric | None = None
) -> list[Metric]:
    """The points of one metric by step, time and value; `after` is the last of the page before."""
    number = table.metric_numbers(connection, [key]).get(key, -1)
    place: tuple[float, ...] = ()
    beyond = ""
    if after is not None:
        place = (after.step, after.timestamp, *stored(float(after.value)))
        beyond = f"AND (step, at, value, is_nan) > ({driver.marks(4)})"
    query = (
        f"SELECT value, at, step, is_nan FROM points WHERE run = ? AND metric = ? {beyond} "
        "ORDER BY step, at, value, is_nan LIMIT ?"
    )
    rows = driver.execute(connection, query, (run, number, *place, limit))
    return [Metric(key, _NAN if is_nan else value, at, step) for value, at, step, is_nan in rows]


def of_runs(connection: sa.Connection, wanted: Sequence[int]) -> dict[int, bytes]:
    """The text of each of these runs."""
    query = "SELECT run, text FROM run_texts WHERE run IN ({})"
    found = dict(table.about(connection, query, wanted))
    return found | _composed(connection, [number for number in wanted if number not in found])


def write(connection: sa.Connection, standing: Mapping[int, str]) -> None:
    """Keep the texts of those of these runs that have ended: their numbers, and how they stand."""
    ended = [number for number, state in standing.items() if state in ENDED]
    if ended:
        driver.execute_many(
            connection,
            "INSERT INTO run_texts (run, text) VALUES (?, ?) "
            "ON CONFLICT (run) DO UPDATE SET text = excluded.text",
            _composed(connection, ended).items(),
        )


def take_away(connection: sa.Connection, changing: Iterable[int]) -> None:
    """Forget the texts of runs that are about to change."""
    driver.execute_many(
        connection, "DELETE FROM run_texts WHERE run = ?", [(number,) for number in changing]
    )


def text(metrics: Iterable[Point], params: Mapping[str, str], tags: Mapping[str, str]) -> bytes:
    """One text of what a run logged."""
    return msgspec.json.encode(
        _Logged([metric(point) for point in metrics], listed(params), listed(tags))
    )


def metric(point: Point) -> Metric:
    """A point as texts hold it."""
    key, value, step, at = point
    return Metric(key, _NAN if isnan(value) else value, at, step)


def listed(found: Mapping[str, str]) -> list[Word]:
    """Tags or parameters as texts hold them."""
    return [Word(key, value) for key, value in found.items()]


def _composed(connection: sa.Connection, wanted: Sequence[int]) -> dict[int, bytes]:
    if not wanted:
        return {}
    metrics = latest(connection, wanted)
    params = words(connection, "run_params", wanted)
    tags = words(connection, "run_tags", wanted)
    return {
        number: text(metrics.get(number, ()), params.get(number, {}), tags.get(number, {}))
        for number in wanted
    }
