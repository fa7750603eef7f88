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
from trueup.lifecycle.runs.logging import ambient, content, display, framing, sending
from trueup.lifecycle.runs.logging.book import Book
from trueup.lifecycle.runs.logging.records import End, Kept, Note
from trueup.lifecycle.runs.tracking import rules
from trueup.lifecycle.runs.tracking.records import State

_log = logging.getLogger("trueup")
_SYNC_S: Final = 1.0
_JOIN_S: Final = 30.0  # Git may take its time; it is asked only once
_SHIPPER_S: Final = 10  # syncs between two looks for the shipper
_SOME: Final = 50  # words in one frame
_SHOWN: Final = 2000  # metrics whose last values are remembered for display


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
        url: The server it is for, if it is for one.
        owns: Whether its end is the end of the run.
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
        url: str,
        owns: bool,
        wait: float,
    ) -> None:
        self.id = id
        self.experiment = experiment
        self.name = name
        self.state: State = "running"
        self.url = url
        self._owns = owns
        self._is_closed = False
        self._book = book
        self._points: Callable[[dict[str, Any], int | None], None] = book.points
        self._place = place
        self._wait = wait
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._last: dict[str, Any] = {}
        self._helpers: list[Callable[[], None]] = []
        self._process = os.getpid()
        self._sample: Callable[[], None] | None = None
        self._token: Token[Any] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="trueup", daemon=True)

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
        last = self._last
        last.update(metrics)
        if len(last) > _SHOWN:
            self._last = dict(metrics)

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

    def text(self, name: str, words: str) -> None:
        """Keep words as a file; `.txt` is added to a name without an ending."""
        self.content(name if "." in name else f"{name}.txt", words.encode("utf-8", "replace"))

    def html(self, name: str, words: str) -> None:
        """Keep a page as a file; it is never shown inside a page of Trueup, only downloaded."""
        chosen = name if name.endswith(".html") else f"{name}.html"
        self.content(chosen, words.encode("utf-8", "replace"))

    def image(self, name: str, image: Any) -> None:
        """Keep a picture: Pillow's, a NumPy array, or bytes of PNG, JPEG, GIF, WebP or SVG."""
        self.content(*content.picture(name, image))

    def table(self, name: str, rows: Any) -> None:
        """Keep a table: of Polars, pandas or Arrow, a list of dicts, or a dict of lists."""
        self.content(*content.table(name, rows))

    def figure(self, name: str, figure: Any) -> None:
        """Keep a figure: matplotlib's as SVG, others as the page that they make."""
        self.content(*content.figure(name, figure))

    def chart(self, name: str, spec: Any) -> None:
        """Keep a Vega-Lite chart: a dict, JSON, or one of Altair's."""
        self.content(*content.chart(name, spec))

    def uses(self, name: str, digest: str = "") -> None:
        """Say which dataset it reads, such as `flights@3`; a digest when it has no version."""
        self.tags({f"trueup.data.{name.partition('@')[0]}": f"{name} {digest}".rstrip()})

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
        if os.getpid() == self._process and self._thread.ident is not None:
            self._thread.join(_JOIN_S)
        self._is_closed = True
        if os.getpid() == self._process and self._owns:
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

    def _repr_html_(self) -> str:
        return display.card(
            name=self.name,
            ref=self.ref,
            experiment=self.experiment,
            state=self.state,
            page=f"{self.url}/runs/{self.id}" if self.url else "",
            params=self._params,
            metrics=self._last,
        )

    def begin(self) -> None:
        """Start what goes on beside the training, once all of that is known."""
        self._thread.start()

    def sampled_by(self, sample: Callable[[], None]) -> None:
        """Call `sample` every ten seconds."""
        self._sample = sample

    def helped_by(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the run ends."""
        self._helpers.append(stop)

    def forked(self) -> None:
        """Called in the child of a fork: it adds to the run, and the parent ends it."""
        self._book.forked()
        self._helpers.clear()
        self._sample = None

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
        if self._is_closed:
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
            if looks % _SHIPPER_S == 1 and self._sample is not None:
                self._sample()
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
