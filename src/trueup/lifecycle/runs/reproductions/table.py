"""The SQL of reproductions."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.foundation.records import builtins
from trueup.lifecycle.runs.reproductions.records import Reproduction
from trueup.state.schema import Json, Moment, metadata, row_as

reproductions = sa.Table(
    "reproductions",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("run", sa.String(20), nullable=False, index=True),
    sa.Column("outcome", sa.String(30), nullable=False),
    sa.Column("tolerance", sa.Float(53), nullable=False),
    sa.Column("environment", sa.String(20), nullable=False),
    sa.Column("packages", Json, nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("differences", Json, nullable=False),
    sa.Column("missing", Json, nullable=False),
    sa.Column("seconds", sa.Float(53), nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("reproduced_by", sa.String(200), nullable=False),
    sa.Column("reproduced_at", Moment, nullable=False),
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
