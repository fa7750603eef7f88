"""The SQL of sealed journal segments."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.lifecycle.serving.records import SealedSegment
from trueup.state.schema import Moment, metadata, row_as

journal_segments = sa.Table(
    "journal_segments",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("first_at", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("sealed_at", Moment, nullable=False),
)


def names(connection: sa.Connection) -> set[str]:
    """The names of all registered segments."""
    return set(connection.execute(sa.select(journal_segments.c.name)).scalars())


def segments(connection: sa.Connection) -> list[SealedSegment]:
    """All registered segments, oldest first."""
    query = sa.select(journal_segments).order_by(journal_segments.c.name)
    return [row_as(SealedSegment, row) for row in connection.execute(query)]
