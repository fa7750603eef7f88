"""The SQL of web hooks and of what they are still to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trueup.foundation import clock
from trueup.lifecycle.models.webhooks.records import Delivery, Webhook
from trueup.state import driver, paging
from trueup.state.schema import (
    Bytes,
    Column,
    Index,
    Integer,
    Json,
    Moment,
    Number,
    String,
    Table,
    Text,
    row_as,
)
from trueup.state.sql import sa

webhooks = Table(
    "webhooks",
    Column("id", String(36), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Json, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("sealed", Bytes),
    Column("made_by", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Moment),
    Column("delivered_at", Moment),
    Column("last_error", Text, nullable=False),
)

deliveries = Table(
    "webhook_deliveries",
    Column("number", Number, primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("webhook", String(36), nullable=False),
    Column("event", String(80), nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_webhook_deliveries_webhook", "webhook", "number"),
)

_h, _d = webhooks.c, deliveries.c
_PAGES = "webhooks"


def listening(connection: sa.Connection) -> list[tuple[str, list[str]]]:
    """The web hooks that are told anything, with what."""
    found = driver.execute(connection, "SELECT id, events FROM webhooks WHERE state = 'active'")
    events = webhooks.declared["events"]
    return [(id_, events.found(raw)) for id_, raw in found]


def find(connection: sa.Connection, id_: str) -> Webhook | None:
    """One web hook."""
    return next(iter(_found(connection, sa.select(webhooks).where(_h.id == id_))), None)


def page(connection: sa.Connection, limit: int, token: str) -> tuple[list[Webhook], str]:
    """Web hooks, newest first, and the token of the next page."""
    by = [paging.Key(sa.type_coerce(_h.created_at, sa.BigInteger), True), paging.Key(_h.id)]
    query = sa.select(webhooks).order_by(*paging.ordered(by)).limit(limit + 1)
    if token:
        query = query.where(paging.beyond(by, paging.place(token, _PAGES, by)))
    found = _found(connection, query)
    if len(found) <= limit:
        return found, ""
    last = found[limit - 1]
    return found[:limit], paging.token(_PAGES, [clock.microseconds(last.created_at), last.id])


def due(connection: sa.Connection, now: datetime) -> list[Webhook]:
    """The web hooks that have something to be told and may be tried now."""
    waits = sa.select(_d.webhook).distinct()
    query = sa.select(webhooks).where(_h.state == "active", _h.id.in_(waits))
    return _found(connection, query.where(_h.retry_at.is_(None) | (_h.retry_at <= now)))


def any_waits(connection: sa.Connection) -> bool:
    """Whether anybody is to be told anything."""
    return bool(driver.execute(connection, "SELECT 1 FROM webhook_deliveries LIMIT 1"))


def sealed(connection: sa.Connection, id_: str) -> bytes | None:
    """The sealed secret of a web hook."""
    return connection.execute(sa.select(_h.sealed).where(_h.id == id_)).scalar()


def waiting(connection: sa.Connection, id_: str, limit: int) -> list[Delivery]:
    """What a web hook is to be told, in order."""
    query = sa.select(deliveries).where(_d.webhook == id_).order_by(_d.number).limit(limit)
    return [row_as(Delivery, row) for row in connection.execute(query)]


def change(connection: sa.Connection, id_: str, **values: Any) -> bool:
    """Change a web hook; false when there is none."""
    done = connection.execute(webhooks.update().where(_h.id == id_).values(**values))
    return done.rowcount == 1


def drop(connection: sa.Connection, number: int) -> bool:
    """Take a delivery out of the line; false when it is not there."""
    return connection.execute(deliveries.delete().where(_d.number == number)).rowcount == 1


def _found(connection: sa.Connection, query: sa.Select[Any]) -> list[Webhook]:
    rows: Sequence[sa.Row[Any]] = connection.execute(query).all()
    counted = sa.select(_d.webhook, sa.func.count()).group_by(_d.webhook)
    counted = counted.where(_d.webhook.in_([row.id for row in rows]))
    counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)}
    found = []
    for row in rows:
        fields = {str(name): value for name, value in row._mapping.items()}
        is_signed = fields.pop("sealed") is not None
        fields["events"] = tuple(fields["events"])
        found.append(Webhook(**fields, is_signed=is_signed, waiting=counts.get(row.id, 0)))
    return found
