"""How a run shows itself while it goes on: what runs, its newest line, and what it prints.

On a terminal the running steps stand at the bottom, each with its newest line. Elsewhere, or with
`--logs`, all that steps print comes as a stream, each line behind the name of its step.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from trueup.doors.cli.terminal import output
from trueup.foundation.errors import TrueupError
from trueup.foundation.text import plural, seconds
from trueup.lifecycle.runs.logs import Follower
from trueup.lifecycle.runs.records import StepProgress
from trueup.rendering import words as words_of

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

_EVERY = 0.15
_NAME = 18
_NARROW = 60  # columns; below that names and bars get less room
_PARTS = 10  # of a step over a list, one line is printed each tenth where there is no terminal


class _Shown(msgspec.Struct):
    """A step or item that runs."""

    step: str
    follower: Follower
    is_starting: bool = False  # it waits for workers that still import
    newest: str = ""
    since: float = msgspec.field(default_factory=time.monotonic)


class _Bar(msgspec.Struct):
    """A step over a list."""

    step: str
    items: int
    ended: int = 0
    told: int = 0


class Steps:
    """Tells how the steps go, live on a terminal, a line for each that ended everywhere.

    Attributes:
        ran: Steps that ran.
        reused: Steps that were reused.
        skipped: Steps that were skipped.
    """

    def __init__(self, *, logs: bool | None = None) -> None:
        self.ran = self.reused = self.skipped = 0
        self._run = ""
        self._total = self._over = 0
        self._begun: set[int] = set()
        self._since = time.monotonic()
        self._live = output.is_live()
        self._stream = not self._live if logs is None else logs
        self._running: dict[str, _Shown] = {}
        self._bars: dict[int, _Bar] = {}
        self._picture: Group | str = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._stack = ExitStack()

    def __enter__(self) -> Steps:
        if self._live:
            from rich.live import Live

            shown = Live(
                get_renderable=self._renderable,
                console=output.words,
                transient=True,
                refresh_per_second=8,
            )
            self._stack.enter_context(shown)
        if self._stream:
            thread = threading.Thread(target=self._keep_reading, name="trueup-logs", daemon=True)
            thread.start()
            self._stack.callback(thread.join)
            self._stack.callback(self._stop.set)
        return self

    def __exit__(self, _type: object, raised: object, _traceback: object) -> None:
        self._stack.close()
        if self._run and isinstance(raised, TrueupError):
            counted = f"{plural(self.ran, 'step')} ran, {self.reused} reused"
            output.say("\nrun:{} failed: {}.", self._run, counted)

    def tell(self, told: StepProgress) -> None:
        """Show what happened."""
        with self._lock:
            self._run, self._total = told.run, max(self._total, told.total)
            if told.state == "notice":
                output.say("[yellow]note:[/] {}.", told.notice)
            elif told.state in ("starting", "started"):
                self._begun.add(told.position)
                shown = _Shown(told.step, Follower(Path(told.log)), told.state == "starting")
                self._running[told.step] = shown
            else:
                self._ended(told)
            self._count(told)

    def _ended(self, told: StepProgress) -> None:
        shown = self._running.pop(told.step, None)
        if shown is not None:
            self._read(shown, to_the_end=True)
            shown.follower.close()
        if told.item < 0:
            self._bars.pop(told.position, None)
            self._over += 1
            # A choice comes to an end, too, but nothing of it ever began.
            self.ran += told.state == "finished" and told.position in self._begun
            self.reused += told.state == "reused"
            self.skipped += told.state == "skipped"
        if told.item < 0 or told.state in ("failed", "retried", "interrupted"):
            self._line(told)

    def _line(self, told: StepProgress) -> None:
        name = {"reused": "cached", "retried": "warning"}.get(told.state, told.state)
        mark, style = output.mark(name)
        took = seconds(told.seconds) if told.seconds else words_of.NOTHING
        took = told.state if told.state in ("reused", "skipped") else took
        # Why it ran does not explain why it failed.
        why = "" if told.state in ("failed", "interrupted") else "; ".join(told.why[:2])
        line = ((f"{mark} ", ""), (f"{told.step:<{_name()}} {took:<8} ", "not dim"), (why, "dim"))
        # One line a step on a terminal; `trueup runs show` has the rest.
        output.line(*line, style=style, is_cut=self._live)

    def _count(self, told: StepProgress) -> None:
        if told.item < 0 or not told.items:
            return
        step = told.step.rpartition("[")[0]
        bar = self._bars.setdefault(told.position, _Bar(step, told.items))
        bar.ended = max(bar.ended, told.ended)
        part = bar.ended * _PARTS // bar.items
        if not self._live and part > bar.told and bar.ended < bar.items:
            bar.told = part
            if told.state == "reused":
                return
            output.say("  {}: {} of {}", bar.step, f"{bar.ended:,}", plural(bar.items, "item"))

    def _renderable(self) -> Group | str:
        # Whoever prints holds our lock and waits for that of the display, which is held here:
        # waiting for ours would stop both for ever.
        if self._lock.acquire(blocking=False):
            try:
                self._picture = self._drawn()
            finally:
                self._lock.release()
        return self._picture

    def _drawn(self) -> Group:
        from trueup.doors.cli.run import picture

        lines = [picture.bar(bar.step, bar.ended, bar.items) for bar in self._bars.values()]
        lines += [self._line_of(shown) for shown in self._running.values()]
        return picture.drawn(lines, self._whole())

    def _line_of(self, shown: _Shown) -> Text:
        from trueup.doors.cli.run import picture

        if not self._stream:
            self._read(shown)
        took = "starting" if shown.is_starting else seconds(time.monotonic() - shown.since)
        unfinished = shown.follower.unfinished.strip()  # such as a progress bar
        return picture.step(shown.step, took, unfinished or shown.newest)

    def _whole(self) -> Text:
        from rich.text import Text

        # The last line is a short one: a terminal writes its ^C behind it, and must not wrap.
        took = seconds(time.monotonic() - self._since)
        return Text(f"  {self._over:,} of {plural(self._total, 'step')}, {took}", style="dim")

    def _read(self, shown: _Shown, *, to_the_end: bool = False) -> None:
        for text in shown.follower.lines(to_the_end=to_the_end):
            if text.strip():
                shown.newest = text
            if self._stream:
                output.line((f"{shown.step} | ", ""), (text, "not dim"), style="dim")

    def _keep_reading(self) -> None:
        while not self._stop.wait(_EVERY):
            with self._lock:
                for shown in self._running.values():
                    self._read(shown)


def _name() -> int:
    return _NAME if output.room() >= _NARROW else _NAME // 2
