"""The SQL of the step cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from trueup.foundation.records import builtins
from trueup.lifecycle.pipeline.records import CacheEntry, Components
from trueup.state.schema import Column, Float, Index, Json, Moment, String, Table, row_as
from trueup.state.sql import sa

_AT_ONCE: Final = 500  # keys in one statement: databases have a limit
_RECENT: Final = 64

step_cache = Table(
    "step_cache",
    Column("key", String(80), primary_key=True),
    Column("step", String(100), nullable=False),
    Column("run", String(20), nullable=False),
    Column("outputs", Json, nullable=False),
    Column("components", Json, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("opened", Json, nullable=False),
    Index("ix_step_cache_step", "step", "created_at"),
)


def entry(connection: sa.Connection, key: str) -> CacheEntry | None:
    """The result kept under a key."""
    row = connection.execute(sa.select(step_cache).where(step_cache.c.key == key)).first()
    return None if row is None else _record(row)


def entries(
    connection: sa.Connection, keys: Sequence[str], *, but_of: str = ""
) -> dict[str, CacheEntry]:
    """The results kept under these keys, by key; but those that one run has made."""
    found = {}
    for start in range(0, len(keys), _AT_ONCE):
        wanted = step_cache.c.key.in_(keys[start : start + _AT_ONCE])
        query = sa.select(step_cache).where(wanted, step_cache.c.run != but_of)
        for row in connection.execute(query):
            found[row.key] = _record(row)
    return found


def of_run(connection: sa.Connection, run_id: str) -> list[CacheEntry]:
    """The results that a run made, by key."""
    query = sa.select(step_cache).where(step_cache.c.run == run_id).order_by(step_cache.c.key)
    return [_record(row) for row in connection.execute(query)]


def components_of(connection: sa.Connection, step: str) -> Iterator[Components]:
    """What each kept result of a step was made of, the newest first."""
    query = (
        sa.select(step_cache.c.components)
        .where(step_cache.c.step == step)
        .order_by(step_cache.c.created_at.desc())
    )
    for row in connection.execute(query):
        yield msgspec.convert(row.components, Components)


def recent(connection: sa.Connection, step: str, *, but_of: str = "") -> list[CacheEntry]:
    """The newest results of a step, under any key, but those that one run has made.

    A miss is explained by one of them: far more than any pipeline calls a step with, few enough.
    """
    query = (
        sa.select(step_cache)
        .where(step_cache.c.step == step, step_cache.c.run != but_of)
        .order_by(step_cache.c.created_at.desc())
        .limit(_RECENT)
    )
    return [_record(row) for row in connection.execute(query)]


def keep(connection: sa.Connection, new: CacheEntry) -> None:
    """Keep a result; of two results with one key the later one stays."""
    keep_many(connection, [new])


def keep_many(connection: sa.Connection, new: Sequence[CacheEntry]) -> None:
    """Keep results; of two results with one key the later one stays."""
    by_key = {entry.key: entry for entry in new}
    keys = list(by_key)
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        connection.execute(step_cache.delete().where(step_cache.c.key.in_(some)))
        connection.execute(step_cache.insert(), [_columns(by_key[key]) for key in some])


def _columns(entry: CacheEntry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return values | {
        "outputs": builtins(entry.outputs),
        "components": builtins(entry.components),
    }


def _record(row: sa.Row[Any]) -> CacheEntry:
    entry: CacheEntry = row_as(CacheEntry, row)
    return entry
