"""Whole runs out of the tables: many at once, one statement for each kind of thing they logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking import logged, table
from trueup.lifecycle.runs.tracking.inputs import table as inputs
from trueup.lifecycle.runs.tracking.records import TrackedRun


class Columns(Record):
    """What shall be read of runs. What is not named is not read from the disk either.

    Attributes:
        metrics: Names of metrics; None for all.
        params: Names of parameters; None for all.
        tags: Names of tags; None for all.
        has_inputs: Datasets and models, too.
        as_text: All that they logged, as one text for each run, besides.
    """

    metrics: frozenset[str] | None = None
    params: frozenset[str] | None = None
    tags: frozenset[str] | None = None
    has_inputs: bool = True
    as_text: bool = False


EVERYTHING: Final = Columns()
AS_TEXT: Final = Columns(metrics=frozenset(), params=frozenset(), tags=frozenset(), as_text=True)


def whole(connection: sa.Connection, number: int) -> TrackedRun:
    """One run with all that belongs to it."""
    return runs_of(connection, [number])[0]


def runs_of(
    connection: sa.Connection, wanted: Sequence[int], columns: Columns = EVERYTHING
) -> list[TrackedRun]:
    """The runs of these numbers, in the same order."""
    params = logged.words(connection, "run_params", wanted, columns.params)
    tags = logged.words(connection, "run_tags", wanted, columns.tags)
    metrics = logged.latest(connection, wanted, columns.metrics)
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
        for number, run in zip(wanted, table.runs_of(connection, wanted), strict=True)
    ]
