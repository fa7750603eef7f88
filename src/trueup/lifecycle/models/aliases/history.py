"""Where aliases and stages were when: read from the events, which nobody can change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from trueup.lifecycle.models.aliases.records import Move
from trueup.state.eventlog import events

_ALIAS = ("alias.moved", "alias.removed")
_STAGE = "model-version.moved"
_RENAMED = "model.renamed"


def moves(connection: sa.Connection, model: str, until: datetime) -> list[Move]:
    """All moves under this name, and under the names that the model had before, oldest first."""
    parts: list[list[Move]] = []
    last = until
    name = model
    seen = {name}
    while True:
        renamed = _renamed(connection, name, last)
        begin = renamed.at if renamed is not None else None
        parts.append([move for row in _rows(connection, name, begin, last) for move in _read(row)])
        if renamed is None or renamed.before in seen:
            return [move for part in reversed(parts) for move in part]
        name, last = renamed.before, renamed.at
        seen.add(name)


def _rows(
    connection: sa.Connection, model: str, begin: datetime | None, until: datetime
) -> list[sa.Row[tuple[object, ...]]]:
    columns = events.c
    query = (
        sa.select(events)
        .where(
            columns.subject.startswith(f"{model}@", autoescape=True),
            columns.type.in_((*_ALIAS, _STAGE)),
            columns.at <= until,
        )
        .order_by(columns.seq)
    )
    if begin is not None:
        query = query.where(columns.at >= begin)
    # SQLite's LIKE takes capital letters for small ones.
    return [
        row for row in connection.execute(query) if row._mapping["subject"].startswith(f"{model}@")
    ]


def _renamed(
    connection: sa.Connection, model: str, until: datetime
) -> sa.Row[tuple[object, ...]] | None:
    columns = events.c
    query = sa.select(events).where(
        columns.subject == f"model:{model}", columns.type == _RENAMED, columns.at <= until
    )
    return connection.execute(query.order_by(columns.seq.desc()).limit(1)).first()


def _read(row: sa.Row[tuple[object, ...]]) -> Iterator[Move]:
    found = row._mapping
    name = found["subject"].rpartition("@")[2]
    said = {
        "at": found["at"],
        "by": found["actor"],
        "on_behalf_of": found["on_behalf_of"],
        "why": found["why"],
    }
    if found["type"] in _ALIAS:
        before, after = _number(found["before"]), _number(found["after"])
        yield Move(what="alias", name=name, before=before, after=after, **said)
        return
    if found["before"]:
        yield Move(what="stage", name=found["before"], before=int(name), after=None, **said)
    if found["after"]:
        yield Move(what="stage", name=found["after"], before=None, after=int(name), **said)


def _number(ref: str) -> int | None:
    return int(ref.rpartition("@")[2]) if ref else None
