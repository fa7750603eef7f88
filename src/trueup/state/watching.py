"""Whether anything happened since the last look, for microseconds: who polls asks this first."""

from __future__ import annotations

import threading
from typing import Final

from trueup.state import driver
from trueup.state.database import Database

_LAST: Final = "SELECT max(seq) FROM events"


class Watch:
    """Looks at the end of the event log; on SQLite only when somebody has written at all.

    Args:
        database: What is watched.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._mark: int | None = None
        self._last = -1

    def changed(self) -> bool:
        """Whether there are events that were not there at the last look; the first one says yes."""
        with self._lock:
            mark = self._database.data_version()
            if mark is not None and mark == self._mark:
                return False
            with self._database.reading() as connection:
                ((last,),) = driver.execute(connection, _LAST)
            before, self._mark, self._last = self._last, mark, last or 0
            return self._last != before
