"""How the demo shows what it does: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Display:
    """Chapters, remarks and one bar of progress, all on stderr."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Progress | None = None
        self._task: TaskID | None = None
        self._chapter = ""
        self._started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def chapter(self, title: str, *, total: int = 0) -> Iterator[None]:
        """Everything inside belongs to this chapter, and its time is counted there."""
        self._chapter = title
        started = time.perf_counter()
        try:
            if self._console.is_terminal:
                with self._bar(title, total):
                    yield
            else:
                self._console.print(f"{self._clock()} {title}")
                yield
        finally:
            self.seconds[title] = self.seconds.get(title, 0.0) + time.perf_counter() - started
            self._live = None

    def remark(self, words: str) -> None:
        """One line about something that happened."""
        console = self._live.console if self._live else self._console
        console.print(
            f"{self._clock()}   [dim]·[/dim] {escape(words)}", highlight=False, soft_wrap=True
        )

    def advance(self, done: int, words: str = "") -> None:
        """Move the bar."""
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done, words=words)

    @contextmanager
    def counted(self, name: str) -> Iterator[None]:
        """Count the time of a part of a chapter under its own name."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[None]:
        columns = (
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30) if total else TextColumn(""),
            TextColumn("[dim]{task.fields[words]}[/dim]"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as live:
            self._live = live
            self._task = live.add_task(f"[bold]{title}[/bold]", total=total or 1, words="")
            yield
            live.update(self._task, completed=total or 1)

    def _clock(self) -> str:
        return f"[dim]{time.perf_counter() - self._started:6.1f} s[/dim]"
