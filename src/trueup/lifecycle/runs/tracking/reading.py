"""Whole runs out of the tables: many at once, one statement for each kind of thing they logged."""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking import table
from trueup.lifecycle.runs.tracking.inputs import table as inputs
from trueup.lifecycle.runs.tracking.records import Point, TrackedRun
from trueup.state import driver

_KEY: Final = operator.attrgetter("key")
_WORDS: Final = msgspec.json.Decoder(dict[str, str])


class Columns(Record):
    """What shall be read of runs. What is not named is not read from the disk either.

    Attributes:
        metrics: Names of metrics; None for all.
        params: Names of parameters; None for all.
        tags: Names of tags; None for all.
        has_inputs: Datasets and models, too.
    """

    metrics: frozenset[str] | None = None
    params: frozenset[str] | None = None
    tags: frozenset[str] | None = None
    has_inputs: bool = True


EVERYTHING: Final = Columns()


def whole(connection: sa.Connection, number: int) -> TrackedRun:
    """One run with all that belongs to it."""
    run = table.runs_of(connection, [number])[0]
    return msgspec.structs.replace(
        run,
        datasets=inputs.datasets_of(connection, [number]).get(number, ()),
        models=inputs.models_of(connection, [number]).get(number, ()),
    )


def runs_of(
    connection: sa.Connection, wanted: Sequence[int], columns: Columns = EVERYTHING
) -> list[TrackedRun]:
    """The runs of these numbers, in the same order."""
    params = _words(connection, "run_params", wanted, columns.params)
    tags = _words(connection, "run_tags", wanted, columns.tags)
    metrics = _latest(connection, wanted, columns.metrics)
    datasets = inputs.datasets_of(connection, wanted) if columns.has_inputs else {}
    models = inputs.models_of(connection, wanted) if columns.has_inputs else {}
    return [
        msgspec.structs.replace(
            run,
            params=params.get(number, {}),
            tags=tags.get(number, {}),
            metrics=tuple(metrics.get(number, ())),
            datasets=datasets.get(number, ()),
            models=models.get(number, ()),
        )
        for number, run in zip(wanted, table.runs_of(connection, wanted, bare=True), strict=True)
    ]


def _words(
    connection: sa.Connection, source: str, wanted: Sequence[int], keys: Collection[str] | None
) -> dict[int, dict[str, str]]:
    if keys is not None and not keys:
        return {}
    # One row of JSON for each run: a quarter of the time that a row for each word takes.
    is_sqlite = connection.dialect.name == "sqlite"
    said = "json_group_object(key, value)" if is_sqlite else "json_object_agg(key, value)::text"
    query = f"SELECT run, {said} FROM {source} WHERE run IN ({{}})"
    if keys is not None:
        query += f" AND key IN ({driver.marks(len(keys))})"
    rows = table.about(connection, f"{query} GROUP BY run", wanted, keys or ())
    return {number: _WORDS.decode(words) for number, words in rows}


def _latest(
    connection: sa.Connection, wanted: Sequence[int], keys: Collection[str] | None
) -> dict[int, list[Point]]:
    query = "SELECT run, metric, value, is_nan, step, at FROM latest_points WHERE run IN ({})"
    numbers: Collection[int] = ()
    if keys is not None:
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
