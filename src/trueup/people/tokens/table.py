"""The SQL of tokens. Of a secret only its digest is kept."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.people.tokens.records import Token
from trueup.state.schema import Column, Json, Moment, String, Table, row_as

tokens = Table(
    "tokens",
    Column("id", String(20), primary_key=True),
    Column("person", String(100), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("made_by", String(100), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("scopes", Json, nullable=False),
)

_SHOWN = [column for column in tokens.c if column.name != "digest"]


def known(connection: sa.Connection, person: str | None = None) -> list[Token]:
    """All tokens, or those of one person, newest first."""
    query = sa.select(*_SHOWN).order_by(tokens.c.made_at.desc(), tokens.c.id)
    if person is not None:
        query = query.where(tokens.c.person == person)
    return [row_as(Token, row) for row in connection.execute(query)]


def token(connection: sa.Connection, id_: str) -> Token | None:
    """One token."""
    row = connection.execute(sa.select(*_SHOWN).where(tokens.c.id == id_)).first()
    return None if row is None else row_as(Token, row)


def digest(connection: sa.Connection, id_: str) -> str | None:
    """The digest of a token's secret."""
    return connection.execute(sa.select(tokens.c.digest).where(tokens.c.id == id_)).scalar()
