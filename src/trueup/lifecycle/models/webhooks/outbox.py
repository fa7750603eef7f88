"""The outbox: what web hooks are to be told is written down in the transaction of the event.

So it is told exactly when the change happened, by whatever door, and nothing is forgotten by a
crash in between. `sending.py` takes it from there.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trueup.state import driver
from trueup.state.eventlog import Event

if TYPE_CHECKING:
    import sqlalchemy as sa

_CONCERNED = ("model.", "model-version.", "alias.")


def put_down(connection: sa.Connection, events: list[Event]) -> None:
    """Write down what web hooks are to be told of these events."""
    if not any(event.type.startswith(_CONCERNED) for event in events):
        return
    from trueup.lifecycle.models.webhooks import payloads, table

    hooks = table.listening(connection)
    if not hooks:
        return
    rows = [
        {
            **{"id": str(uuid.uuid4()), "webhook": hook, "event": told.event, "at": event.at},
            "body": body(told.event, event.at, told.data),
        }
        for event in events
        for told in payloads.told(connection, event)
        for hook, wanted in hooks
        if told.event in wanted
    ]
    driver.insert(connection, table.deliveries, rows)


def body(event: str, at: datetime, data: dict[str, Any]) -> str:
    """What a web hook is told, as MLflow writes it: the signature is made over the letters."""
    import json

    entity, _, action = event.partition(".")
    said = {"entity": entity, "action": action, "timestamp": at.isoformat(), "data": data}
    return json.dumps(said)
