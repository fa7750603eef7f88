"""The event log, which is also the audit ledger: who did what, when, to what, and why.

Every event is a leaf of one Merkle tree; every commit signs the tree's new root. If an event
cannot be stored, its action does not happen, because both stand in one transaction.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.identifiers import time_ordered_id
from trueup.foundation.records import Record, encode
from trueup.ports.keys import Keys
from trueup.state import driver, merkle
from trueup.state.schema import BigInteger, Bytes, Column, Json, Moment, String, Table, Text
from trueup.state.sql import sa

events = Table(
    "events",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("type", String(80), nullable=False, index=True),
    Column("subject", String(600), nullable=False, index=True),
    Column("actor", String(200), nullable=False),
    Column("on_behalf_of", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("before", String(300), nullable=False),
    Column("after", String(300), nullable=False),
    Column("data", Json, nullable=False),
    Column("leaf", Bytes, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("frontier", Bytes, nullable=False),
    Column("root", Bytes, nullable=False),
    Column("key", String(80), nullable=False),
    Column("signature", Bytes, nullable=False),
)

_HASH = 32
_ADD = f"INSERT INTO events ({', '.join(events.c.keys())}) VALUES ({driver.marks(len(events.c))})"
_SIGN = f"INSERT INTO checkpoints (size, frontier, root, key, signature) VALUES ({driver.marks(5)})"


class Event(Record):
    """One thing that happened (the CloudEvents fields, plus who and why).

    Attributes:
        seq: Place in the log, from 1.
        id: Unique for ever.
        at: When it was recorded (UTC).
        type: Past tense, dotted: `release.promoted`.
        subject: Reference of the thing it happened to.
        actor: Who did it.
        on_behalf_of: For whom, when a service acted.
        why: The reason given.
        before: Digest of the thing before, if it had one.
        after: Digest of the thing after.
        data: Further facts.
    """

    seq: int
    id: str
    at: datetime
    type: str
    subject: str
    actor: str
    on_behalf_of: str = ""
    why: str = ""
    before: str = ""
    after: str = ""
    data: dict[str, Any] = {}


class Verification(Record):
    """What checking the whole log found.

    Attributes:
        size: Events checked.
        root: Hex root of the tree.
        problems: What is wrong, in words; empty when the log is intact.
    """

    size: int
    root: str
    problems: list[str]


class EventLog:
    """Appends inside a transaction of the caller's; reads for cursors, pages and the audit."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def append(
        self, connection: sa.Connection, actor: Actor, at: datetime, drafts: list[dict[str, Any]]
    ) -> list[Event]:
        """Add events to the log and sign the new root."""
        return self.append_all(connection, [(actor, at, draft) for draft in drafts])

    def append_all(
        self, connection: sa.Connection, drafts: Sequence[tuple[Actor, datetime, dict[str, Any]]]
    ) -> list[Event]:
        """Add events of several actors to the log and sign the new root once."""
        size, frontier = _head(connection)
        written: list[Event] = []
        rows = []
        for actor, at, draft in drafts:
            event = Event(
                seq=size + 1,
                id=str(time_ordered_id()),
                at=at,
                actor=actor.name,
                on_behalf_of=actor.on_behalf_of,
                **draft,
            )
            entry = merkle.leaf(encode(event))
            frontier = merkle.append(frontier, size, entry)
            size += 1
            rows.append(_row(event, entry))
            written.append(event)
        root = merkle.root(frontier)
        signature = self._keys.sign(_statement(size, root))
        driver.execute_many(connection, _ADD, rows)
        driver.execute(
            connection, _SIGN, (size, b"".join(frontier), root, self._keys.key_id, signature)
        )
        return written

    def verify(self, connection: sa.Connection) -> Verification:
        """Recompute every leaf and every signed root from the stored events."""
        problems: list[str] = []
        signed = {row.size: row for row in connection.execute(sa.select(checkpoints))}
        frontier: list[bytes] = []
        size = 0
        for event, stored_leaf in _stored(connection):
            if event.seq != size + 1:
                problems.append(f"event {size + 1} is missing")
                break
            entry = merkle.leaf(encode(event))
            if entry != stored_leaf:
                problems.append(f"event {event.seq} ({event.type}) was changed")
            frontier = merkle.append(frontier, size, entry)
            size += 1
            if (row := signed.pop(size, None)) is not None:
                root = merkle.root(frontier)
                if root != row.root:
                    problems.append(f"the signed root at event {size} does not fit the events")
                elif not self._keys.verify(_statement(size, root), row.signature):
                    problems.append(f"the signature at event {size} is not by this key")
        problems += [f"the log was signed at event {at}, which is gone" for at in sorted(signed)]
        return Verification(size=size, root=merkle.root(frontier).hex(), problems=problems)


def since(
    connection: sa.Connection, seq: int, types: tuple[str, ...] = (), limit: int = 1000
) -> list[Event]:
    """Events after `seq`, oldest first, of the given types (all if none is given)."""
    query = sa.select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit)
    if types:
        query = query.where(events.c.type.in_(types))
    return [_event(row) for row in connection.execute(query)]


def between(
    connection: sa.Connection,
    types: Sequence[str],
    until: datetime,
    *,
    since: datetime | None = None,
    subjects: Sequence[str] = (),
    most: int = 1000,
) -> list[Event]:
    """Events of these types up to a moment, newest first; about these subjects, if any is given."""
    query = sa.select(events).where(events.c.type.in_(types), events.c.at <= until)
    if since is not None:
        query = query.where(events.c.at > since)
    if subjects:
        query = query.where(events.c.subject.in_(subjects))
    query = query.order_by(events.c.seq.desc()).limit(most)
    return [_event(row) for row in connection.execute(query)]


def of_id(connection: sa.Connection, id_: str) -> Event | None:
    """One event by identifier."""
    row = connection.execute(sa.select(events).where(events.c.id == id_)).first()
    return None if row is None else _event(row)


def about(connection: sa.Connection, subject: str) -> list[Event]:
    """Everything that happened to one thing, oldest first."""
    query = sa.select(events).where(events.c.subject == subject).order_by(events.c.seq)
    return [_event(row) for row in connection.execute(query)]


def latest(
    connection: sa.Connection,
    limit: int = 50,
    before: int | None = None,
    *,
    actor: str = "",
    type_: str = "",
    subject: str = "",
    without: Sequence[str] = (),
) -> list[Event]:
    """The newest events, newest first; `before` is the page token (a seq).

    `actor` also finds those on whose behalf it was done; a `type_` or `subject` that ends with `*`
    stands for everything that begins so. `without` leaves types out.
    """
    query = sa.select(events).order_by(events.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(events.c.seq < before)
    if without:
        query = query.where(events.c.type.not_in(without))
    if actor:
        query = query.where((events.c.actor == actor) | (events.c.on_behalf_of == actor))
    for column, wanted in ((events.c.type, type_), (events.c.subject, subject)):
        if wanted.endswith("*"):
            query = query.where(column.startswith(wanted[:-1], autoescape=True))
        elif wanted:
            query = query.where(column == wanted)
    return [_event(row) for row in connection.execute(query)]


def last_seq(connection: sa.Connection) -> int:
    """The number of the newest event; 0 in an empty log."""
    return driver.execute(connection, "SELECT max(seq) FROM events")[0][0] or 0


def last_id(connection: sa.Connection) -> str:
    """The identifier of the newest event; empty in an empty log."""
    newest = driver.execute(connection, "SELECT id FROM events ORDER BY seq DESC LIMIT 1")
    return str(newest[0][0]) if newest else ""


def _head(connection: sa.Connection) -> tuple[int, list[bytes]]:
    query = "SELECT size, frontier FROM checkpoints ORDER BY size DESC LIMIT 1"
    if connection.dialect.name != "sqlite":
        query += " FOR UPDATE"
    found = driver.execute(connection, query)
    if not found:
        return 0, []
    size, raw = found[0]
    return size, [raw[i : i + _HASH] for i in range(0, len(raw), _HASH)]


def _row(event: Event, leaf: bytes) -> tuple[Any, ...]:
    """An event's columns, as the types of its table would write them."""
    return (
        event.seq,
        event.id,
        clock.microseconds(event.at),
        *(event.type, event.subject, event.actor, event.on_behalf_of, event.why),
        *(event.before, event.after),
        encode(event.data).decode(),
        leaf,
    )


def _statement(size: int, root: bytes) -> bytes:
    """What is signed: a checkpoint in the C2SP form (origin, size, root)."""
    return f"trueup/events\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def _stored(connection: sa.Connection) -> Iterator[tuple[Event, bytes]]:
    for row in connection.execute(sa.select(events).order_by(events.c.seq)):
        yield _event(row), row.leaf


def _event(row: sa.Row[Any]) -> Event:
    fields = dict(row._mapping)
    fields.pop("leaf")
    return Event(**fields)
