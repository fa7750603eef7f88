"""What is known of a token; never its secret."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

TokenState = Literal["valid", "expired", "revoked"]


class Token(Record):
    """A secret that speaks for one person.

    Attributes:
        id: Short identifier; the secret begins with it.
        person: Who it speaks for.
        made_by: Who made it.
        made_at: Since when it counts.
        expires_at: Until when; None for always.
        revoked_at: When it was taken back.
        scopes: What it is limited to; empty for all that the person may.
    """

    id: str
    person: str
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    scopes: tuple[str, ...] = ()

    def state(self, at: datetime) -> TokenState:
        """How it stands at a moment."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "valid"


class MadeToken(Record):
    """A new token with its secret, which is shown this once.

    Attributes:
        token: What is kept of it.
        secret: What programs send.
    """

    token: Token
    secret: str
