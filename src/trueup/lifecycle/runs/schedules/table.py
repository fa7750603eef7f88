"""The SQL of schedules: up to which moment the slots of each pipeline were seen to."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from trueup.lifecycle.runs.schedules.records import Schedule
from trueup.state.schema import Column, Moment, String, Table, Text, row_as

schedules = Table(
    "schedules",
    Column("pipeline", String(100), primary_key=True),
    Column("schedule", String(200), nullable=False),
    Column("timezone", String(100), nullable=False),
    Column("looked_at", Moment, nullable=False),
    Column("paused_at", Moment),
    Column("paused_by", String(200), nullable=False),
    Column("why", Text, nullable=False),
)


def of_pipeline(connection: sa.Connection, pipeline: str) -> Schedule | None:
    """What is known of one pipeline."""
    query = sa.select(schedules).where(schedules.c.pipeline == pipeline)
    row = connection.execute(query).first()
    return None if row is None else row_as(Schedule, row)


def everything(connection: sa.Connection) -> list[Schedule]:
    """What is known of all pipelines, by name."""
    query = sa.select(schedules).order_by(schedules.c.pipeline)
    return [row_as(Schedule, row) for row in connection.execute(query)]


def add(connection: sa.Connection, new: Schedule) -> None:
    """Note a pipeline that was not known."""
    values = {name: getattr(new, name) for name in new.__struct_fields__}
    connection.execute(schedules.insert().values(**values))


def change(connection: sa.Connection, pipeline: str, **values: Any) -> None:
    """Note what changed about a pipeline."""
    where = schedules.c.pipeline == pipeline
    connection.execute(schedules.update().where(where).values(**values))
