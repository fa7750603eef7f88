"""Threads for transfers: a few at a time, and Ctrl-C stops at once.

A call into obstore cannot be interrupted, and an ordinary pool waits for its threads at exit. So
all requests run in daemon threads, and the main thread only waits. What such a thread leaves
unfinished is what kill -9 would leave: nothing that counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from trueup.foundation.errors import NotFoundError
from trueup.ports.objects import Objects, Stored

_T = TypeVar("_T")


class Workers:
    """Runs calls in threads; the caller waits while all of them are busy.

    The first failure of a call is raised by the next `submit`, or at the end of the block.
    """

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._count = count
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._started = 0
        self._failure: BaseException | None = None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Run a call as soon as a thread is free.

        Raises:
            TrueupError: What an earlier call raised.
        """
        self._free.acquire()
        if self._failure is not None:
            self._free.release()
            raise self._failure
        if self._started < self._count:
            threading.Thread(target=self._work, daemon=True).start()
            self._started += 1
        self._calls.put(lambda: function(*arguments))

    def drain(self) -> None:
        """Wait until all calls are done.

        Raises:
            TrueupError: What a call raised.
        """
        for _ in range(self._count):
            self._free.acquire()
        self._free.release(self._count)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.drain()
        finally:
            for _ in range(self._started):
                self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                if self._failure is None:
                    call()
            except BaseException as error:
                self._failure = self._failure or error
            finally:
                self._free.release()


class Interruptible:
    """An object store whose calls let the main thread hear Ctrl-C."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.shown = objects.shown

    def get(self, path: str) -> bytes:
        """As the store does."""
        return _apart(lambda: self._objects.get(path))

    def get_tagged(self, path: str) -> tuple[bytes, str]:
        """As the store does."""
        return _apart(lambda: self._objects.get_tagged(path))

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """As the store does."""
        return _apart(lambda: self._objects.get_range(path, start, length))

    def put(self, path: str, raw: bytes) -> None:
        """As the store does."""
        return _apart(lambda: self._objects.put(path, raw))

    def swap(self, path: str, raw: bytes, tag: str) -> str | None:
        """As the store does."""
        return _apart(lambda: self._objects.swap(path, raw, tag))

    def listed(self, folder: str) -> list[Stored]:
        """All objects below a folder."""
        return _apart(lambda: list(self._objects.list(folder)))

    def delete(self, paths: list[str]) -> None:
        """As the store does."""
        return _apart(lambda: self._objects.delete(paths))

    def get_all(
        self, paths: Iterable[str], *, absent: bool = False, count: int = 4
    ) -> Iterator[tuple[str, bytes]]:
        """The bytes of many objects, each as soon as it is there; few are in memory at a time.

        Args:
            paths: The objects.
            absent: Leave out those that are not there; else they are an error.
            count: How many are asked for at once.
        """
        done: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

        def fetch(path: str) -> None:
            try:
                done.put((path, self._objects.get(path)))
            except NotFoundError as error:
                if not absent or error.code != "object-not-found":
                    raise

        with Workers(count) as workers:
            for path in paths:
                workers.submit(fetch, path)
                while not done.empty():
                    yield done.get()
            workers.drain()
        while not done.empty():
            yield done.get()


def _apart(call: Callable[[], _T]) -> _T:
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[_T] = []
    with Workers(1) as workers:
        workers.submit(lambda: results.append(call()))
    return results[0]
