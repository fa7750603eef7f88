"""The SQL of proposals."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.improvement.rules import OPEN
from trueup.state.schema import Moment, metadata, row_as

proposals = sa.Table(
    "proposals",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("deployment", sa.String(100), nullable=False, index=True),
    sa.Column("goal", sa.String(100), nullable=False),
    sa.Column("cause", sa.String(40), nullable=False, unique=True),
    sa.Column("alert", sa.String(40), nullable=False),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("proposed_at", Moment, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("run", sa.String(20), nullable=False, server_default=""),
    sa.Column("candidate", sa.String(120), nullable=False, server_default=""),
    sa.Column("release", sa.Integer, nullable=False, server_default="0"),
    sa.Column("ended_at", Moment),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
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
