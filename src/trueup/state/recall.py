"""Answers of the database that stay right until something is recorded, kept beside it in a file.

Importing SQLAlchemy is most of what a short command costs, so this asks the sqlite3 driver for one
thing only: the identifier of the newest event. Every change appends an event in its own
transaction (`unit.py`), and no identifier comes twice: where it is the same, so is the state. That
holds for an older database that was put back, too. Any trouble means: ask the database as usual.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError
from trueup.foundation.records import Record

_T = TypeVar("_T")
_SQLITE: Final = "sqlite:///"
_NEWEST: Final = "SELECT id FROM events ORDER BY seq DESC LIMIT 1"


class _Kept(Record):
    """An answer, and all that it depends on beside the question."""

    version: str
    event: str
    actor: str
    answer: msgspec.Raw


class Recall:
    """The answer to one question, for the person who asked it last.

    Args:
        database: The database's URL.
        file: Where the answer is kept; losing it costs time alone.
        version: Version of Trueup: another one may have meant something else by the same words.
    """

    def __init__(self, database: str, file: Path, version: str) -> None:
        self._database = database
        self._file = file
        self._version = version

    def answer(self, actor: str, type_: type[_T]) -> _T | None:
        """The answer, if it was given to `actor` and nothing was recorded since.

        Who was allowed to ask then is so now: giving and taking roles are events, too.
        """
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
            if (kept.version, kept.event, kept.actor) != (self._version, self._newest(), actor):
                return None
            return msgspec.json.decode(kept.answer, type=type_)
        except (OSError, sqlite3.Error, msgspec.MsgspecError):
            return None

    def keep(self, actor: str, event: str, answer: object) -> None:
        """Keep an answer that was read in the same transaction as the newest event."""
        raw = msgspec.Raw(msgspec.json.encode(answer))
        kept = _Kept(version=self._version, event=event, actor=actor, answer=raw)
        import tempfile  # not quick to load, and most commands only ask

        with suppress(OSError, BackendError):
            folder = make_private(self._file.parent)
            handle, aside = tempfile.mkstemp(dir=folder, prefix="incoming-")
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(kept))
            Path(aside).replace(self._file)

    def _newest(self) -> str | None:
        if not self._database.startswith(_SQLITE) or "?" in self._database:
            return None
        path = Path(self._database.removeprefix(_SQLITE)).resolve()
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=0)) as connection:
            row = connection.execute(_NEWEST).fetchone()
        return row[0] if row else None
