"""The SQL of commits: which were seen on which branch. The same commit is news only once."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.state.schema import Column, Moment, String, Table

commits = Table(
    "commits_seen",
    Column("branch", String(200), primary_key=True),
    Column("commit", String(64), primary_key=True),
    Column("seen_at", Moment, nullable=False),
)


def knows_branch(connection: sa.Connection, branch: str) -> bool:
    """Whether any commit of a branch was seen."""
    query = sa.select(commits.c.commit).where(commits.c.branch == branch).limit(1)
    return connection.execute(query).first() is not None


def knows(connection: sa.Connection, branch: str, commit: str) -> bool:
    """Whether a commit was seen on a branch."""
    where = (commits.c.branch == branch, commits.c.commit == commit)
    return connection.execute(sa.select(commits.c.commit).where(*where)).first() is not None
