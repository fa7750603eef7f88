"""Persons and approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

Role = Literal["owner", "scientist", "reviewer", "operator", "viewer"]
Origin = Literal["plan", "account"]
ApprovalState = Literal["asked", "approved", "rejected", "stale"]


class Person(Record):
    """Somebody who may act.

    Attributes:
        name: Unique name.
        roles: What they may do is the sum of their roles.
        added_at: Since when.
        number: Counted from 1, for programs that want people numbered.
        origin: The plan's team comes and goes with the plan; an account stays until it is removed.
    """

    name: str
    roles: tuple[Role, ...]
    added_at: datetime
    number: int = 0
    origin: Origin = "plan"


class Approval(Record):
    """A question to a second person about exact content; it dies when that content changes.

    Attributes:
        id: Short identifier.
        subject: Reference of what is to be allowed.
        content: Digest of everything the answer is bound to.
        asked_by: Who asked; may not answer.
        authors: Who made the content; may not answer either.
        asked_at: When.
        state: asked, approved, rejected or stale.
        decided_by: Who answered.
        decided_at: When.
        reason: What they said.
    """

    id: str
    subject: str
    content: str
    asked_by: str
    authors: tuple[str, ...]
    asked_at: datetime
    state: ApprovalState
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""
