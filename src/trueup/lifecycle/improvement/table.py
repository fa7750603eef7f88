"""The SQL of proposals."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.improvement.rules import OPEN
from trueup.state.schema import Column, Integer, Moment, String, Table, Text, row_as

proposals = Table(
    "proposals",
    Column("id", String(20), primary_key=True),
    Column("deployment", String(100), nullable=False, index=True),
    Column("goal", String(100), nullable=False),
    Column("cause", String(40), nullable=False, unique=True),
    Column("alert", String(40), nullable=False),
    Column("model", String(100), nullable=False),
    Column("proposed_at", Moment, nullable=False),
    Column("state", String(20), nullable=False),
    Column("run", String(20), nullable=False, server_default=""),
    Column("candidate", String(120), nullable=False, server_default=""),
    Column("release", Integer, nullable=False, server_default="0"),
    Column("ended_at", Moment),
    Column("why", Text, nullable=False, server_default=""),
)
_p = proposals.c


def proposal(connection: sa.Connection, proposal_id: str) -> Proposal | None:
    """One proposal by identifier."""
    row = connection.execute(sa.select(proposals).where(_p.id == proposal_id)).first()
    return None if row is None else row_as(Proposal, row)


def of_deployment(connection: sa.Connection, deployment: str) -> list[Proposal]:
    """All proposals of a deployment, newest first."""
    query = sa.select(proposals).where(_p.deployment == deployment)
    query = query.order_by(_p.proposed_at.desc(), _p.id)
    return [row_as(Proposal, row) for row in connection.execute(query)]


def unfinished(connection: sa.Connection) -> list[Proposal]:
    """All proposals that still have to become something, oldest first."""
    query = sa.select(proposals).where(_p.state.in_(OPEN)).order_by(_p.proposed_at)
    return [row_as(Proposal, row) for row in connection.execute(query)]


def of_run(connection: sa.Connection, run: str) -> Proposal | None:
    """The proposal that a run was made for."""
    row = connection.execute(sa.select(proposals).where(_p.run == run)).first()
    return None if row is None else row_as(Proposal, row)
