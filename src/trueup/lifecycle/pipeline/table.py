"""The SQL of the step cache."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from trueup.foundation.records import builtins
from trueup.lifecycle.pipeline.records import CacheEntry
from trueup.state.schema import Json, Moment, metadata, row_as

step_cache = sa.Table(
    "step_cache",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("step", sa.String(100), nullable=False),
    sa.Column("run", sa.String(20), nullable=False),
    sa.Column("outputs", Json, nullable=False),
    sa.Column("components", Json, nullable=False),
    sa.Column("seconds", sa.Float(53), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_step_cache_step", "step", "created_at"),
)


def entry(connection: sa.Connection, key: str) -> CacheEntry | None:
    """The result kept under a key."""
    row = connection.execute(sa.select(step_cache).where(step_cache.c.key == key)).first()
    return None if row is None else _record(row)


def latest(connection: sa.Connection, step: str) -> CacheEntry | None:
    """The newest result of a step, under any key: what a miss is explained against."""
    query = (
        sa.select(step_cache)
        .where(step_cache.c.step == step)
        .order_by(step_cache.c.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _record(row)


def keep(connection: sa.Connection, new: CacheEntry) -> None:
    """Keep a result; of two results with one key the later one stays."""
    values = {name: getattr(new, name) for name in new.__struct_fields__}
    values |= {"outputs": builtins(new.outputs), "components": builtins(new.components)}
    changed = connection.execute(
        step_cache.update().where(step_cache.c.key == new.key).values(**values)
    )
    if changed.rowcount == 0:
        connection.execute(step_cache.insert().values(**values))


def _record(row: sa.Row[Any]) -> CacheEntry:
    entry: CacheEntry = row_as(CacheEntry, row)
    return entry
