"""The SQL of decisions: how the figures of a release have moved while it was tried out."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from trueup.foundation.records import decode, encode
from trueup.lifecycle.releases.judging.records import Decision, Look
from trueup.state.schema import Column, Integer, Moment, String, Table, Text

decisions = Table(
    "decisions",
    Column("deployment", String(100), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("look", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("decision", Text, nullable=False),
)
_d = decisions.c


def looks(connection: sa.Connection, deployment: str, number: int) -> list[Look]:
    """All looks on record, oldest first."""
    query = sa.select(decisions).where(_d.deployment == deployment, _d.number == number)
    return [_look(row) for row in connection.execute(query.order_by(_d.look))]


def newest(connection: sa.Connection, deployment: str, number: int, most: int) -> list[Look]:
    """The newest looks, newest first."""
    query = sa.select(decisions).where(_d.deployment == deployment, _d.number == number)
    return [_look(row) for row in connection.execute(query.order_by(_d.look.desc()).limit(most))]


def add(
    connection: sa.Connection, deployment: str, number: int, look: int, at: datetime, made: Decision
) -> None:
    """Put a look on record."""
    values = {"deployment": deployment, "number": number, "look": look, "at": at}
    connection.execute(decisions.insert().values(**values, decision=encode(made).decode()))


def replace(
    connection: sa.Connection, deployment: str, number: int, look: int, at: datetime, made: Decision
) -> None:
    """Let a look say what is known now."""
    query = decisions.update().where(
        _d.deployment == deployment, _d.number == number, _d.look == look
    )
    connection.execute(query.values(at=at, decision=encode(made).decode()))


def _look(row: sa.Row[tuple[object, ...]]) -> Look:
    values = row._mapping
    return Look(
        number=values["look"], at=values["at"], decision=decode(values["decision"], Decision)
    )
