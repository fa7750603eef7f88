"""A run as the code that logs has it in hand. Read `starting.py` for how it begins."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from contextvars import Token
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from trueup.foundation.errors import BackendError, ConflictError, UsageError
from trueup.lifecycle.runs.logging import ambient, framing, sending
from trueup.lifecycle.runs.logging.book import Book
from trueup.lifecycle.runs.logging.records import End, Kept, Note
from trueup.lifecycle.runs.tracking import rules
from trueup.lifecycle.runs.tracking.records import State

_log = logging.getLogger("trueup")
_SYNC_S: Final = 1.0
_SHIPPER_S: Final = 10  # syncs between two looks for the shipper
_SOME: Final = 50  # words in one frame


class Run:
    """One run that this code reports.

    Every call returns at once: what is logged is in the page cache of a file in the outbox, where
    `kill -9` does not reach it, and on the disk within a second. A process of its own ships it.

    Args:
        id: Identifier of the run.
        experiment: Name of its experiment.
        name: For people.
        book: Where it is written.
        place: The outbox.
        helpers: What goes on beside it until it ends; each is stopped by the call it gave.
        wait: Seconds to wait at the end for everything to be shipped.

    Example:
        >>> with trueup.run("flights", depth=6) as run:  # doctest: +SKIP
        ...     run.log(loss=0.31, accuracy=0.88)
    """

    def __init__(
        self,
        id: str,
        experiment: str,
        name: str,
        book: Book,
        place: Path,
        *,
        wait: float,
    ) -> None:
        self.id = id
        self.experiment = experiment
        self.name = name
        self.state: State = "running"
        self.url = ""
        self._book = book
        self._points: Callable[[dict[str, Any], int | None], None] = book.points
        self._place = place
        self._wait = wait
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._last: dict[str, Any] = {}
        self._helpers: list[Callable[[], None]] = []
        self._process = os.getpid()
        self._token: Token[Any] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="trueup", daemon=True)
        self._thread.start()

    @property
    def ref(self) -> str:
        """Its reference, which every command takes."""
        return f"run:{self.id}"

    def log(
        self, values: Mapping[str, Any] | None = None, /, *, step: int | None = None, **more: Any
    ) -> None:
        """Log numbers of one moment.

        Args:
            values: By name, where names are no identifiers.
            step: Where in the training; one more than the last when left out.
            more: By name.

        Raises:
            UsageError: A name or a value cannot be kept; nothing was logged.
            ConflictError: The run has ended.
        """
        metrics = more if values is None else {**values, **more}
        self._points(metrics, step)
        self._last = metrics

    def params(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Say with what the run works; a parameter never changes.

        Raises:
            ConflictError: One has another value already.
            UsageError: A name or a value cannot be kept; nothing was logged.
        """
        given = {key: str(value) for key, value in {**(values or {}), **more}.items()}
        for key, value in given.items():
            rules.check_key(key, "parameter")
            rules.check_value(key, value, "parameter", rules.PARAM)
        rules.check_params(self.id, self._params, given)
        self._say(params=given)
        self._params.update(given)

    def tags(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Say words about the run; a later word replaces an earlier one.

        Raises:
            UsageError: A name or a value cannot be kept; nothing was logged.
        """
        given = {key: str(value) for key, value in {**(values or {}), **more}.items()}
        for key, value in given.items():
            rules.check_key(key, "tag")
            rules.check_value(key, value, "tag", rules.TAG)
        self._say(tags=given)
        self._tags.update(given)

    def file(self, path: str | Path, name: str = "") -> None:
        """Keep a file as it is now.

        Args:
            path: The file.
            name: Where it belongs among the run's files, such as `plots/roc.png`; its own name
                when left out.

        Raises:
            UsageError: There is no such file, or the name leaves the run's folder.
            BackendError: It cannot be copied into the outbox.
        """
        source = Path(path)
        if not source.is_file():
            raise UsageError(
                "logged-file-missing",
                f"There is no file '{source}' to keep.",
                hint=f"ls '{source.parent}'",
            )
        self._keep_file(name or source.name, lambda aside: shutil.copyfile(source, aside))

    def content(self, name: str, raw: bytes) -> None:
        """Keep bytes as a file of the run.

        Raises:
            UsageError: The name leaves the run's folder.
            BackendError: They cannot be written into the outbox.
        """
        self._keep_file(name, lambda aside: aside.write_bytes(raw))

    def finish(self, state: State = "finished", *, wait: float | None = None) -> None:
        """End the run; again changes nothing.

        Args:
            state: `finished`, `failed` or `killed`.
            wait: Seconds to wait for everything to be shipped.

        Raises:
            UsageError: There is no such end.
        """
        if state not in ("finished", "failed", "killed"):
            raise UsageError(
                "run-state-unknown",
                f"A run can't end as '{state}'.",
                hint='run.finish("failed")',
            )
        if self._over.is_set():
            return
        self._over.set()
        for stop in reversed(self._helpers):
            stop()
        if os.getpid() == self._process:
            self._thread.join(_SYNC_S)
            self._book.write(framing.END, End(state=state, at=self._book.now()))
        self._book.sync()
        self.state = state
        folder = self._book.folder
        self._book.close()
        self._points = self._refuse
        ambient.opened.pop(self.id, None)
        if ambient.current.get() is self:
            ambient.current.set(None)
        self._ship(folder, self._wait if wait is None else wait)

    def __enter__(self) -> Self:
        self._token = ambient.current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            ambient.current.reset(self._token)
        self.finish(_state_after(kind))

    def __repr__(self) -> str:
        return f"<trueup run {self.name or self.id} of {self.experiment}: {self.state}>"

    def helped_by(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the run ends."""
        self._helpers.append(stop)

    def forked(self) -> None:
        """Called in the child of a fork: it adds to the run, and the parent ends it."""
        self._book.forked()
        self._helpers.clear()

    def _say(self, *, params: Mapping[str, str] = {}, tags: Mapping[str, str] = {}) -> None:
        self._check_open()
        for some in _some(params):
            self._book.write(framing.NOTE, Note(params=some))
        for some in _some(tags):
            self._book.write(framing.NOTE, Note(tags=some))

    def _keep_file(self, name: str, write: Callable[[Path], object]) -> None:
        self._check_open()
        rules.check_key(name, "file")
        try:
            aside = self._book.aside()
            write(aside)
        except OSError as error:
            raise BackendError(
                "logged-file-not-kept",
                f"The file '{name}' cannot be put into the outbox {self._place}: {error}.",
                hint=f"df '{self._place}'",
            ) from error
        self._book.write(framing.NOTE, Note(files=(Kept(path=name, stored=aside.name),)))

    def _check_open(self) -> None:
        if self._over.is_set():
            self._refuse()

    def _refuse(self, *_: Any) -> None:
        raise ConflictError(
            "tracked-run-ended",
            f"Run {self.name or self.id} has ended; nothing more can be logged to it.",
            hint=f'with trueup.run("{self.experiment}") as run: ...',
        )

    def _keep(self) -> None:
        """Bring what was logged to the disk, every second; start the shipper when it is gone."""
        looks = 0
        while True:
            if looks % _SHIPPER_S == 0 and self._book.folder is not None:
                sending.ensure(self._place)
            looks += 1
            if self._over.wait(_SYNC_S):
                return
            self._book.sync()

    def _ship(self, folder: Path | None, seconds: float) -> None:
        if folder is None or os.getpid() != self._process:
            return
        sending.ensure(self._place)
        if seconds > 0 and not sending.wait(folder, seconds):
            _log.warning(
                "What run %s logged is safe in %s; it is shipped by the next process that logs, "
                "or by hand: trueup runs ship",
                self.name or self.id,
                folder,
            )


def _some(words: Mapping[str, str]) -> list[dict[str, str]]:
    items = list(words.items())
    return [dict(items[start : start + _SOME]) for start in range(0, len(items), _SOME)]


def _state_after(kind: type[BaseException] | None) -> State:
    if kind is None:
        return "finished"
    return "failed" if issubclass(kind, Exception) else "killed"
