"""The SQL of tracking. A run has a small number here, so that its points stay small."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.records import Experiment, Life, Point, TrackedRun
from trueup.state.schema import metadata, upsert

# SQLite counts by itself only in a column of exactly this type.
Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("name", sa.String(500), nullable=False, unique=True),
    sa.Column("artifacts", sa.Text, nullable=False),
    sa.Column("life", sa.String(20), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

experiment_tags = sa.Table(
    "experiment_tags",
    metadata,
    sa.Column("experiment", Number, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

tracked_runs = sa.Table(
    "tracked_runs",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("id", sa.String(256), nullable=False, unique=True),
    sa.Column("experiment", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("user", sa.String(256), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("life", sa.String(20), nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Column("artifacts", sa.Text, nullable=False),
    sa.Column("beat_at", sa.BigInteger, nullable=False),
    sa.Index("ix_tracked_runs_newest", "experiment", "started_at", "id"),
    sa.Index("ix_tracked_runs_beat", "state", "beat_at"),
)

run_params = sa.Table(
    "run_params",
    metadata,
    sa.Column("run", Number, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

run_tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("run", Number, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

metric_names = sa.Table(
    "metric_names",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("name", sa.String(250), nullable=False, unique=True),
)

# The key holds all of a point: the same point sent twice is one point. SQLite has no NaN.
points = sa.Table(
    "points",
    metadata,
    sa.Column("run", Number, primary_key=True, autoincrement=False),
    sa.Column("metric", Number, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Float(53), primary_key=True),
    sa.Column("is_nan", sa.SmallInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

latest_points = sa.Table(
    "latest_points",
    metadata,
    sa.Column("run", Number, primary_key=True, autoincrement=False),
    sa.Column("metric", Number, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Float(53), nullable=False),
    sa.Column("is_nan", sa.SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

_EXPERIMENT = list(experiments.c)
_RUN = [tracked_runs.c[name] for name in TrackedRun.__struct_fields__ if name in tracked_runs.c]
NAN = float("nan")


def experiment(
    connection: sa.Connection, *, number: int | None = None, name: str = ""
) -> Experiment | None:
    """One experiment, by number or by name."""
    where = experiments.c.name == name if number is None else experiments.c.number == number
    row = connection.execute(sa.select(*_EXPERIMENT).where(where)).first()
    return None if row is None else experiments_of(connection, [row])[0]


def experiments_of(connection: sa.Connection, rows: Iterable[sa.Row[Any]]) -> list[Experiment]:
    """The experiments that rows of their table hold, with their tags, in the same order."""
    listed = list(rows)
    tags = _words(connection, experiment_tags, "experiment", [row.number for row in listed])
    return [
        Experiment(**_fields(row, _EXPERIMENT), tags=tags.get(row.number, {})) for row in listed
    ]


def run(connection: sa.Connection, run_id: str) -> TrackedRun | None:
    """One run with its parameters, tags and last points."""
    found = numbers(connection, [run_id])
    return runs_of(connection, list(found.values()))[0] if found else None


def numbers(connection: sa.Connection, ids: Collection[str]) -> dict[str, int]:
    """The numbers of those runs that exist."""
    query = sa.select(tracked_runs.c.id, tracked_runs.c.number).where(tracked_runs.c.id.in_(ids))
    return {row.id: row.number for row in connection.execute(query)}


def runs_of(connection: sa.Connection, wanted: list[int]) -> list[TrackedRun]:
    """The runs of these numbers, in the same order, with parameters, tags and last points."""
    number_of = tracked_runs.c.number
    query = sa.select(*_RUN, number_of).where(number_of.in_(wanted))
    rows = {row.number: row for row in connection.execute(query)}
    params = _words(connection, run_params, "run", wanted)
    tags = _words(connection, run_tags, "run", wanted)
    metrics = _latest(connection, wanted)
    return [
        TrackedRun(
            **_fields(rows[number], _RUN),
            params=params.get(number, {}),
            tags=tags.get(number, {}),
            metrics=tuple(metrics.get(number, ())),
        )
        for number in wanted
    ]


def history(
    connection: sa.Connection, run_number: int, key: str, limit: int, after: Point | None = None
) -> list[Point]:
    """The points of one metric by step, time and value; `after` is the last of the page before."""
    columns = (points.c.step, points.c.at, points.c.value, points.c.is_nan)
    query = (
        sa.select(*columns)
        .join(metric_names, metric_names.c.number == points.c.metric)
        .where(points.c.run == run_number, metric_names.c.name == key)
        .order_by(*columns)
        .limit(limit)
    )
    if after is not None:
        is_nan = int(after.value != after.value)
        last = sa.tuple_(after.step, after.at, 0.0 if is_nan else after.value, is_nan)
        query = query.where(sa.tuple_(*columns) > last)
    return [
        Point(key, NAN if row.is_nan else row.value, row.step, row.at)
        for row in connection.execute(query)
    ]


def set_words(
    connection: sa.Connection, target: sa.Table, owner: int, words: Mapping[str, str]
) -> None:
    """Set tags or parameters of one experiment or run; what is there is replaced."""
    if not words:
        return
    column = target.c[0].name
    rows = [{column: owner, "key": key, "value": value} for key, value in words.items()]
    upsert(connection, target, rows, key=(column, "key"))


def words_of(connection: sa.Connection, target: sa.Table, owner: int) -> dict[str, str]:
    """The tags or parameters of one experiment or run."""
    return _words(connection, target, target.c[0].name, [owner]).get(owner, {})


def words_of_many(
    connection: sa.Connection, target: sa.Table, owners: list[int]
) -> dict[int, dict[str, str]]:
    """The tags or parameters of many owners, by owner."""
    return _words(connection, target, target.c[0].name, owners)


def change_experiment(connection: sa.Connection, number: int, **values: Any) -> None:
    """Change columns of an experiment."""
    connection.execute(experiments.update().where(experiments.c.number == number).values(**values))


def change_run(connection: sa.Connection, number: int, **values: Any) -> None:
    """Change columns of a run."""
    connection.execute(
        tracked_runs.update().where(tracked_runs.c.number == number).values(**values)
    )


def change_lives(connection: sa.Connection, experiment: int, life: Life, at: int | None) -> None:
    """Delete or restore all runs of an experiment."""
    connection.execute(
        tracked_runs.update()
        .where(tracked_runs.c.experiment == experiment)
        .values(life=life, deleted_at=at)
    )


def _fields(row: Any, columns: Iterable[sa.Column[Any]]) -> dict[str, Any]:
    return {str(column.name): row._mapping[column] for column in columns}


def _words(
    connection: sa.Connection, source: sa.Table, owner: str, wanted: list[int]
) -> dict[int, dict[str, str]]:
    query = (
        sa.select(source.c[owner], source.c.key, source.c.value)
        .where(source.c[owner].in_(wanted))
        .order_by(source.c[owner], source.c.key)
    )
    found: dict[int, dict[str, str]] = {}
    for number, key, value in connection.execute(query):
        found.setdefault(number, {})[key] = value
    return found


def _latest(connection: sa.Connection, wanted: list[int]) -> dict[int, list[Point]]:
    columns = latest_points.c
    query = (
        sa.select(
            columns.run,
            metric_names.c.name,
            columns.value,
            columns.is_nan,
            columns.step,
            columns.at,
        )
        .join(metric_names, metric_names.c.number == columns.metric)
        .where(columns.run.in_(wanted))
        .order_by(columns.run, metric_names.c.name)
    )
    found: dict[int, list[Point]] = {}
    for number, key, value, is_nan, step, at in connection.execute(query):
        found.setdefault(number, []).append(Point(key, NAN if is_nan else value, step, at))
    return found
