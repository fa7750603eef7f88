"""One thread that writes, in one transaction, what came while it was busy with the last one.

For small writes that come in masses: a lone one waits for nobody, a hundred at once share one
commit. Each succeeds or fails by itself. None waits for the disk, which follows every second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from trueup.foundation.errors import BackendError
from trueup.state import driver
from trueup.state.database import Database

_T = TypeVar("_T")

if TYPE_CHECKING:
    from concurrent.futures import Future

    import sqlalchemy as sa

    Work = Callable[[sa.Connection], _T]

_TOGETHER: Final = 256
_SYNC_S: Final = 1.0


class _Job(NamedTuple):
    work: Work[Any]
    future: Future[Any]


class Writer:
    """Writes what is handed to it, in the order in which it came; starts at the first one.

    Args:
        database: Where to write; each transaction is relaxed, as `Database.writing` says.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Work[_T]) -> Future[_T]:
        """Hand in something to be written; its future is done once it is committed.

        Args:
            work: Called once, in the writer's thread, within a transaction. What it raises undoes
                its own statements alone, and is raised by the future.

        Raises:
            BackendError: The writer is closed.
        """
        from concurrent.futures import Future  # for a server: a command writes for itself

        future: Future[_T] = Future()
        with self._lock:  # nothing may come after the last word of `close`
            if self._closed:
                raise BackendError("state-closed", "The project is closed.", hint="trueup up")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="trueup-writer", daemon=True)
                self._thread.start()
            self._jobs.put(_Job(work, future))
        return future

    def close(self) -> None:
        """Write what was handed in, then stop."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        goes_on, unsynced_since = True, 0.0
        while goes_on:
            left = max(0.0, unsynced_since + _SYNC_S - time.monotonic()) if unsynced_since else None
            try:
                jobs, goes_on = self._waiting(left)
            except Empty:
                jobs = []
            if jobs:
                self._write(jobs)
                unsynced_since = unsynced_since or time.monotonic()
            if unsynced_since and (not goes_on or time.monotonic() - unsynced_since >= _SYNC_S):
                with suppress(OSError):  # the next commit that waits for the disk will tell
                    self._database.sync()
                unsynced_since = 0.0

    def _waiting(self, seconds: float | None) -> tuple[list[_Job], bool]:
        """The next job, waited for, and those that came meanwhile; whether to go on after them."""
        jobs: list[_Job] = []
        job = self._jobs.get(timeout=seconds)
        while job is not None:
            jobs.append(job)
            if len(jobs) == _TOGETHER:
                break
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
        return jobs, job is not None

    def _write(self, jobs: list[_Job]) -> None:
        try:
            with self._database.writing(relaxed=True) as connection:
                done = [(job, *self._performed(connection, job.work)) for job in jobs]
        except BaseException as error:  # nothing of it is there: all must know
            for job in jobs:
                job.future.set_exception(error)
            return
        for job, result, refusal in done:
            if refusal is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(refusal)

    def _performed(
        self, connection: sa.Connection, work: Work[Any]
    ) -> tuple[Any, Exception | None]:
        driver.execute(connection, "SAVEPOINT job")
        try:
            with self._database.translated():
                result, refusal = work(connection), None
        except Exception as error:
            driver.execute(connection, "ROLLBACK TO SAVEPOINT job")
            result, refusal = None, error
        driver.execute(connection, "RELEASE SAVEPOINT job")
        return result, refusal
