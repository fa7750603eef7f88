"""The SQL of reproductions."""

from __future__ import annotations

from trueup.foundation.records import builtins
from trueup.lifecycle.runs.reproductions.records import Reproduction
from trueup.state.schema import Column, Float, Integer, Json, Moment, String, Table, Text, row_as
from trueup.state.sql import sa

reproductions = Table(
    "reproductions",
    Column("id", String(20), primary_key=True),
    Column("run", String(20), nullable=False, index=True),
    Column("outcome", String(30), nullable=False),
    Column("tolerance", Float, nullable=False),
    Column("environment", String(20), nullable=False),
    Column("packages", Json, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("differences", Json, nullable=False),
    Column("missing", Json, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("folder", Text, nullable=False),
    Column("reproduced_by", String(200), nullable=False),
    Column("reproduced_at", Moment, nullable=False),
)


def add(connection: sa.Connection, new: Reproduction) -> None:
    """Record a reproduction."""
    values = builtins(new) | {"reproduced_at": new.reproduced_at}
    connection.execute(reproductions.insert().values(**values))


def of_run(connection: sa.Connection, run_id: str) -> list[Reproduction]:
    """The reproductions of a run, newest first."""
    query = sa.select(reproductions).where(reproductions.c.run == run_id)
    newest = query.order_by(reproductions.c.reproduced_at.desc())
    return [row_as(Reproduction, row) for row in connection.execute(newest)]
