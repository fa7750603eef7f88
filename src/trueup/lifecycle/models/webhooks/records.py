"""The nouns of web hooks. None of them holds a secret but `Errand`, which is never shown."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

HookState = Literal["active", "disabled"]


class Webhook(Record):
    """An address that is told of changes of the registry.

    Attributes:
        id: Unique identifier.
        name: What people call it.
        url: Where it is told.
        events: What it is told of, such as `model_version.created`.
        description: Words about it.
        state: A disabled one is told nothing.
        is_signed: Whether what it is told is signed with a secret.
        made_by: Who made it.
        created_at: Since when it is told.
        updated_at: When it was changed last.
        failures: Attempts that failed since the last one that did not.
        retry_at: When it is tried again, if the last attempt failed.
        delivered_at: When it was last told something.
        last_error: Why the last attempt failed; empty when it did not.
        waiting: What it is still to be told.
    """

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    description: str
    state: HookState
    is_signed: bool
    made_by: str
    created_at: datetime
    updated_at: datetime
    failures: int = 0
    retry_at: datetime | None = None
    delivered_at: datetime | None = None
    last_error: str = ""
    waiting: int = 0


class Delivery(Record):
    """One thing that a web hook is to be told, until it was told it.

    Attributes:
        number: Its place in the line.
        id: Unique for ever: attempts of the same delivery have the same.
        webhook: Who is to be told.
        event: Of what, such as `model_version.created`.
        at: When that happened.
        body: What it is told, as JSON text.
    """

    number: int
    id: str
    webhook: str
    event: str
    at: datetime
    body: str


class Errand(Record):
    """What one web hook is to be told now.

    Attributes:
        webhook: Whom.
        secret: What signs it; empty for none.
        deliveries: In order; the first that fails ends it.
        trouble: Why nothing can be told; empty when it can.
    """

    webhook: Webhook
    secret: str
    deliveries: tuple[Delivery, ...]
    trouble: str = ""


class Answer(Record):
    """How an attempt ended.

    Attributes:
        status: HTTP status; None when nobody answered.
        body: What was answered, cut.
        error: Why it counts as failed; empty when it does not.
        wait_s: How long the answer asks to wait, in seconds; 0 when it does not.
    """

    status: int | None = None
    body: str = ""
    error: str = ""
    wait_s: int = 0
