"""The SQL of tracking. A run has a small number here, so that its points stay small."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.records import Experiment, Life, State, TrackedRun
from trueup.state import driver
from trueup.state.schema import (
    BigInteger,
    Bytes,
    Column,
    Float,
    Index,
    Number,
    SmallInteger,
    String,
    Table,
    Text,
)

experiments = Table(
    "experiments",
    Column("number", Number, primary_key=True),
    Column("name", String(500), nullable=False, unique=True),
    Column("artifacts", Text, nullable=False),
    Column("life", String(20), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

experiment_tags = Table(
    "experiment_tags",
    Column("experiment", Number, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
)

tracked_runs = Table(
    "tracked_runs",
    Column("number", Number, primary_key=True),
    Column("id", String(256), nullable=False, unique=True),
    Column("experiment", BigInteger, nullable=False),
    Column("name", String(500), nullable=False),
    Column("user", String(256), nullable=False),
    Column("state", String(20), nullable=False),
    Column("life", String(20), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("artifacts", Text, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("lease", BigInteger, nullable=False),
    # The order of pages: of one experiment, and of all of them together, with what is often asked
    # of runs, so that rows which do not fit need not be read.
    Index("ix_tracked_runs_newest", "experiment", "started_at", "id", "life"),
    Index(
        "ix_tracked_runs_all",
        *("started_at", "id", "experiment", "life", "state", "ended_at", "name"),
    ),
    Index("ix_tracked_runs_beat", "state", "beat_at"),
)

SHORT = 400  # characters of a value: with its key they fill no more than PostgreSQL indexes


def _by_value(name: str) -> Index:
    """The runs that have some value of a word; PostgreSQL's knows the short ones only."""
    return Index(name, "key", "value", "run", postgresql_where=f"length(value) <= {SHORT}")


run_params = Table(
    "run_params",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    _by_value("ix_run_params_value"),
    sqlite_with_rowid=False,
)

run_tags = Table(
    "run_tags",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    _by_value("ix_run_tags_value"),
    sqlite_with_rowid=False,
)

metric_names = Table(
    "metric_names",
    Column("number", Number, primary_key=True),
    Column("name", String(250), nullable=False, unique=True),
)

# The key holds all of a point: the same point sent twice is one point. SQLite has no NaN.
points = Table(
    "points",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("metric", Number, primary_key=True, autoincrement=False),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Float, primary_key=True),
    Column("is_nan", SmallInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

latest_points = Table(
    "latest_points",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("metric", Number, primary_key=True, autoincrement=False),
    Column("step", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("is_nan", SmallInteger, nullable=False),
    Index("ix_latest_points_value", "metric", "is_nan", "value", "run"),
    sqlite_with_rowid=False,
)

# What an ended run logged, as one text: see `logged.py`.
run_texts = Table(
    "run_texts",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("text", Bytes, nullable=False),
)

_BEAT_MS = 5000

_EXPERIMENT = tuple(experiments.c.keys())
_RUN = tuple(name for name in TrackedRun.__struct_fields__ if name in tracked_runs.c)
_RUN_COLUMNS = ", ".join(_RUN).replace("user", '"user"')
_ASKED = 500  # values in one statement
NAN = float("nan")


def experiment(
    connection: sa.Connection, *, number: int | None = None, name: str = ""
) -> Experiment | None:
    """One experiment, by number or by name."""
    column, value = ("name", name) if number is None else ("number", number)
    query = f"SELECT {', '.join(_EXPERIMENT)} FROM experiments WHERE {column} = ?"
    found = driver.execute(connection, query, (value,))
    return experiments_of(connection, found)[0] if found else None


def experiments_of(connection: sa.Connection, rows: Iterable[Sequence[Any]]) -> list[Experiment]:
    """The experiments that rows of their table hold, with their tags, in the same order."""
    listed = [dict(zip(_EXPERIMENT, row, strict=True)) for row in rows]
    tags = _words(connection, "experiment_tags", "experiment", [row["number"] for row in listed])
    return [Experiment(**row, tags=tags.get(row["number"], {})) for row in listed]


def run(connection: sa.Connection, run_id: str) -> TrackedRun | None:
    """One run, without all that belongs to it."""
    found = head(connection, run_id)
    return runs_of(connection, [found[0]])[0] if found else None


def numbers(connection: sa.Connection, ids: Collection[str]) -> dict[str, int]:
    """The numbers of those runs that exist."""
    query = sa.select(tracked_runs.c.id, tracked_runs.c.number).where(tracked_runs.c.id.in_(ids))
    return {row.id: row.number for row in connection.execute(query)}


def runs_of(connection: sa.Connection, wanted: Sequence[int]) -> list[TrackedRun]:
    """The runs of these numbers, in the same order, without all that belongs to them."""
    query = f"SELECT number, {_RUN_COLUMNS} FROM tracked_runs WHERE number IN ({{}})"
    rows = {row[0]: row[1:] for row in about(connection, query, wanted)}
    return [TrackedRun(**dict(zip(_RUN, rows[number], strict=True))) for number in wanted]


def head(connection: sa.Connection, run_id: str) -> tuple[int, Life, State] | None:
    """Number, life and state of a run, asked before everything that it logs."""
    query = "SELECT number, life, state FROM tracked_runs WHERE id = ?"
    found = driver.execute(connection, query, (run_id,))
    return (found[0][0], found[0][1], found[0][2]) if found else None


def add_run(connection: sa.Connection, run: TrackedRun, at: int, lease: int) -> int:
    """Write a new run with its tags; its number."""
    columns, marks = f"{_RUN_COLUMNS}, beat_at, lease", driver.marks(len(_RUN) + 2)
    values = (*(getattr(run, name) for name in _RUN), at, lease)
    driver.execute(connection, f"INSERT INTO tracked_runs ({columns}) VALUES ({marks})", values)
    found = head(connection, run.id)
    assert found is not None  # it was just written
    set_words(connection, run_tags, found[0], run.tags)
    return found[0]


def beat(connection: sa.Connection, number: int, at: int) -> None:
    """Note that a run was heard of; not more often than leases need it."""
    driver.execute(
        connection,
        "UPDATE tracked_runs SET beat_at = ? WHERE number = ? AND beat_at < ?",
        (at, number, at - _BEAT_MS),
    )


def silent(connection: sa.Connection, at: int, limit: int) -> list[tuple[int, str, int]]:
    """Running runs that were not heard of for longer than their lease: number, id, last beat."""
    query = (
        "SELECT number, id, beat_at FROM tracked_runs "
        "WHERE state = 'running' AND beat_at + lease < ? ORDER BY beat_at LIMIT ?"
    )
    return [(row[0], row[1], row[2]) for row in driver.execute(connection, query, (at, limit))]


def set_words(
    connection: sa.Connection, target: sa.Table, owner: int, words: Mapping[str, str]
) -> None:
    """Set tags or parameters of one experiment or run; what is there is replaced."""
    if not words:
        return
    column = target.c[0].name
    driver.execute_many(
        connection,
        f"INSERT INTO {target.name} ({column}, key, value) VALUES (?, ?, ?) "
        f"ON CONFLICT ({column}, key) DO UPDATE SET value = excluded.value",
        [(owner, key, value) for key, value in words.items()],
    )


def words_of(connection: sa.Connection, target: sa.Table, owner: int) -> dict[str, str]:
    """The tags or parameters of one experiment or run."""
    query = f"SELECT key, value FROM {target.name} WHERE {target.c[0].name} = ?"
    return dict(driver.execute(connection, query, (owner,)))


def words_of_many(
    connection: sa.Connection, target: sa.Table, owners: list[int]
) -> dict[int, dict[str, str]]:
    """The tags or parameters of many owners, by owner."""
    return _words(connection, target.name, target.c[0].name, owners)


def metric_numbers(connection: sa.Connection, keys: Collection[str]) -> dict[str, int]:
    """The numbers of those metrics that somebody logged."""
    query = "SELECT name, number FROM metric_names WHERE name IN ({})"
    return dict(about(connection, query, list(keys)))


def metrics_numbered(connection: sa.Connection, numbers: Collection[int]) -> dict[int, str]:
    """The names of metrics of these numbers."""
    query = "SELECT number, name FROM metric_names WHERE number IN ({})"
    return dict(about(connection, query, list(numbers)))


def change_experiment(connection: sa.Connection, number: int, **values: Any) -> None:
    """Change columns of an experiment."""
    connection.execute(experiments.update().where(experiments.c.number == number).values(**values))


def change_run(connection: sa.Connection, number: int, **values: Any) -> None:
    """Change columns of a run."""
    changes = ", ".join(f"{name} = ?" for name in values)
    query = f"UPDATE tracked_runs SET {changes} WHERE number = ?"
    driver.execute(connection, query, (*values.values(), number))


def change_lives(connection: sa.Connection, experiment: int, life: Life, at: int | None) -> None:
    """Delete or restore all runs of an experiment."""
    connection.execute(
        tracked_runs.update()
        .where(tracked_runs.c.experiment == experiment)
        .values(life=life, deleted_at=at)
    )


def _words(
    connection: sa.Connection, table: str, owner: str, wanted: Sequence[int]
) -> dict[int, dict[str, str]]:
    query = f"SELECT {owner}, key, value FROM {table} WHERE {owner} IN ({{}}) ORDER BY {owner}, key"
    found: dict[int, dict[str, str]] = {number: {} for number in wanted}
    for number, key, value in about(connection, query, wanted):
        found[number][key] = value
    return found


def about(
    connection: sa.Connection, query: str, wanted: Sequence[int | str], more: Collection[Any] = ()
) -> Iterator[Any]:
    """The rows of a query about these numbers or names, asked about some at a time.

    Args:
        connection: The database.
        query: With `{}` where their marks come, and any further marks behind them.
        wanted: The numbers or names.
        more: Values of the further marks.
    """
    for start in range(0, len(wanted), _ASKED):
        some = wanted[start : start + _ASKED]
        asked = query.format(driver.marks(len(some)))
        yield from driver.execute(connection, asked, (*some, *more))
