"""The SQL of sealed journal segments."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.lifecycle.serving.records import SealedSegment
from trueup.state.schema import BigInteger, Column, Moment, String, Table, row_as

journal_segments = Table(
    "journal_segments",
    Column("name", String(40), primary_key=True),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("digest", String(80), nullable=False),
    Column("sealed_at", Moment, nullable=False),
)


def names(connection: sa.Connection) -> set[str]:
    """The names of all registered segments."""
    return set(connection.execute(sa.select(journal_segments.c.name)).scalars())


def segments(connection: sa.Connection) -> list[SealedSegment]:
    """All registered segments, oldest first."""
    query = sa.select(journal_segments).order_by(journal_segments.c.name)
    return [row_as(SealedSegment, row) for row in connection.execute(query)]
