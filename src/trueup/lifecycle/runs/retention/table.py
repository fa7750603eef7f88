"""The SQL of forgetting runs, and of purging those that clients deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeVar

import sqlalchemy as sa

from trueup.lifecycle.pipeline.table import step_cache
from trueup.lifecycle.runs.records import RunState
from trueup.lifecycle.runs.table import runs, step_runs
from trueup.lifecycle.runs.tracking import table as tracked
from trueup.lifecycle.runs.tracking.inputs.table import run_datasets, run_models
from trueup.state.schema import Column, Moment, String, Table, Text

# Runs whose files nobody needs: a collector may take what they alone made.
forgotten_runs = Table(
    "forgotten_runs",
    Column("run", String(20), primary_key=True),
    Column("by", String(200), nullable=False),
    Column("at", Moment, nullable=False),
    Column("why", Text, nullable=False),
)

_AT_ONCE: Final = 500
_OF_TRACKED: Final = (
    tracked.points,
    tracked.latest_points,
    tracked.run_params,
    tracked.run_tags,
    run_datasets,
    run_models,
)
_f = forgotten_runs.c
_T = TypeVar("_T")


def ended(
    connection: sa.Connection, pipeline: str = ""
) -> list[tuple[str, str, RunState, datetime]]:
    """The runs whose files are kept, newest first: identifier, pipeline, state, beginning."""
    query = sa.select(runs.c.id, runs.c.pipeline, runs.c.state, runs.c.started_at)
    query = query.where(runs.c.id.not_in(sa.select(_f.run)))
    if pipeline:
        query = query.where(runs.c.pipeline == pipeline)
    rows = connection.execute(query.order_by(runs.c.started_at.desc(), runs.c.id))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def is_forgotten(connection: sa.Connection, run: str) -> bool:
    """Whether the files of a run may be gone."""
    return connection.execute(sa.select(_f.run).where(_f.run == run)).first() is not None


def forget(connection: sa.Connection, run: str, by: str, at: datetime, why: str) -> None:
    """Count the files of a run as needed no more."""
    connection.execute(forgotten_runs.insert().values(run=run, by=by, at=at, why=why))


def remember(connection: sa.Connection, run: str) -> bool:
    """Count them as needed again; False if they are anyway."""
    return bool(connection.execute(forgotten_runs.delete().where(_f.run == run)).rowcount)


def results_of(connection: sa.Connection, going: Collection[str]) -> set[str]:
    """The keys of results that these runs made and that no run that stays has used."""
    made: set[str] = set()
    for some in _slices(list(going)):
        made.update(
            connection.scalars(sa.select(step_cache.c.key).where(step_cache.c.run.in_(some)))
        )
    used: set[str] = set()
    for some in _slices(list(made)):
        query = sa.select(step_runs.c.key, step_runs.c.run).where(
            step_runs.c.key.in_(some), step_runs.c.run.not_in(sa.select(_f.run))
        )
        used.update(key for key, run in connection.execute(query) if run not in going)
    return made - used


def drop_results(connection: sa.Connection, keys: Iterable[str]) -> None:
    """Keep these results for reuse no more."""
    for some in _slices(list(keys)):
        connection.execute(step_cache.delete().where(step_cache.c.key.in_(some)))


def deleted(connection: sa.Connection, before: int) -> list[tuple[int, str, str]]:
    """Tracked runs that were deleted before a moment: number, identifier, place of the files."""
    columns = tracked.tracked_runs.c
    query = sa.select(columns.number, columns.id, columns.artifacts).where(
        columns.life == "deleted", columns.deleted_at < before
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def purge(connection: sa.Connection, numbers: Sequence[int]) -> None:
    """Remove all rows of tracked runs."""
    for some in _slices(numbers):
        for each in _OF_TRACKED:
            connection.execute(each.delete().where(each.c.run.in_(some)))
        mine = tracked.tracked_runs.c.number.in_(some)
        connection.execute(tracked.tracked_runs.delete().where(mine))


def _slices(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
