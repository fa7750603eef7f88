"""The spool: requests of MLflow's clients in their order, in a file, until they are sent.

A request is in the file before its client is answered. Names that the server gave (`Place`) are
kept beside them, so that what follows finds its run there.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from trueup.foundation import clock
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError, UsageError
from trueup.foundation.records import Record
from trueup.state.outbound import shown

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, method TEXT NOT NULL,
    path TEXT NOT NULL, query TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
    answer BLOB NOT NULL,
    state TEXT NOT NULL, tries INTEGER NOT NULL, note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_entries_state ON entries (state, seq);
CREATE TABLE IF NOT EXISTS places (
    kind TEXT, here TEXT, there TEXT NOT NULL, PRIMARY KEY (kind, here)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Entry(NamedTuple):
    """A request as it was answered here.

    Attributes:
        seq: Its place in the order.
        method: HTTP method.
        path: As it was asked.
        query: As it was asked.
        headers: Those that say how the body is to be read, where it is no JSON.
        body: Its JSON; empty for a file, whose bytes are read when it is sent.
        answer: What was answered here.
        tries: How often it was sent already without a known end.
    """

    seq: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    answer: bytes
    tries: int


class Standing(Record):
    """What waits.

    Attributes:
        target: The server that it is for; empty when there never was one.
        waiting: Requests that were not sent yet.
        sent: Requests that the server took.
        refused: Requests that the server will not take, with its words.
        oldest_at: When the oldest that waits was made, in milliseconds; None when nothing waits.
        problem: Why the last try failed; empty when it did not.
    """

    target: str
    waiting: int
    sent: int
    refused: tuple[str, ...]
    oldest_at: int | None
    problem: str


class Spool:
    """One file of requests for one server.

    Args:
        folder: The project's state folder.
        target: Address of the server; the one that is known when empty.

    Raises:
        UsageError: Requests for another server wait.
        BackendError: The file cannot be used.
    """

    def __init__(self, folder: Path, target: str = "") -> None:
        self._lock = threading.Lock()
        path = make_private(folder) / "spool.db"
        try:
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA busy_timeout = 30000")
            self._database.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise BackendError(
                "spool-unusable",
                f"The spool {path} cannot be used: {error}.",
                hint=f"ls -l '{path}'",
            ) from error
        known = self.fact("target")
        if target and known and known != target and self.standing().waiting:
            raise UsageError(
                "spool-for-another",
                f"Requests for {shown(known)} wait; they can't go to {shown(target)}.",
                hint="trueup runs spool --send",
            )
        if target and known != target:
            self._forget()
            self.note("target", target)

    @property
    def target(self) -> str:
        """Address of the server; empty when there never was one."""
        return self.fact("target")

    def add(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes,
        answer: bytes,
        headers: Mapping[str, str] = {},
    ) -> None:
        """Keep a request that was answered; it is durable against a kill when this returns."""
        at = round(clock.now().timestamp() * 1000)
        self._do(
            "INSERT INTO entries "
            "(at, method, path, query, headers, body, answer, state, tries, note) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', 0, '')",
            (at, method, path, query, msgspec.json.encode(headers).decode(), body, answer),
        )

    def first(self) -> Entry | None:
        """The oldest request that waits."""
        rows = self._do(
            "SELECT seq, method, path, query, headers, body, answer, tries FROM entries "
            "WHERE state = 'waiting' ORDER BY seq LIMIT 1"
        )
        if not rows:
            return None
        found = Entry(*rows[0])
        return found._replace(headers=msgspec.json.decode(rows[0][4]))

    def trying(self, entry: Entry) -> None:
        """Say that a request is about to be sent: if nothing follows, nobody knows its end."""
        self._do("UPDATE entries SET tries = tries + 1 WHERE seq = ?", (entry.seq,))

    def untried(self, entry: Entry) -> None:
        """Say that a request did not reach the server."""
        self._do("UPDATE entries SET tries = tries - 1 WHERE seq = ?", (entry.seq,))

    def done(
        self, entry: Entry, refusal: str = "", places: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        """Say how a request ended, with what the server calls what it made (kind, here, there)."""
        state = "refused" if refusal else "sent"
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", places)
            # The body is not needed any more; the row is, for the count.
            self._database.execute(
                "UPDATE entries SET state = ?, note = ?, body = x'', answer = x'' WHERE seq = ?",
                (state, refusal, entry.seq),
            )
            self._database.execute("COMMIT")

    def place(self, kind: str, here: str) -> str | None:
        """What the server calls something."""
        rows = self._do("SELECT there FROM places WHERE kind = ? AND here = ?", (kind, here))
        return rows[0][0] if rows else None

    def note(self, name: str, value: str) -> None:
        """Keep a fact."""
        self._do("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def fact(self, name: str) -> str:
        """A fact that was kept; empty when it was not."""
        rows = self._do("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def standing(self) -> Standing:
        """What waits."""
        counts = dict(self._do("SELECT state, count(*) FROM entries GROUP BY state"))
        oldest = self._do("SELECT min(at) FROM entries WHERE state = 'waiting'")[0][0]
        refused = self._do(
            "SELECT method || ' ' || path || ': ' || note FROM entries WHERE state = 'refused' "
            "ORDER BY seq DESC LIMIT 100"
        )
        return Standing(
            target=shown(self.target) if self.target else "",
            waiting=counts.get("waiting", 0),
            sent=counts.get("sent", 0),
            refused=tuple(row[0] for row in refused),
            oldest_at=oldest,
            problem=self.fact("problem"),
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _forget(self) -> None:
        for table in ("entries", "places", "facts"):
            self._do(f"DELETE FROM {table}")

    def _do(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()


def answered(entry: Entry) -> dict[str, Any]:
    """What was answered here, as JSON."""
    try:
        found = msgspec.json.decode(entry.answer or b"{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
