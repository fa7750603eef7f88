"""What commands print: data to stdout, words to stderr, JSON on request, the next step at the end.

Nothing here decides anything. `say` and `cell` never read markup from the user's own words.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from trueup.doors.cli.terminal import plain
from trueup.foundation.text import visible
from trueup.rendering import words as words_of

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.text import Text

    words: Console  # where words go; made when it is asked for, as rich takes 50 ms to import

    from trueup.app.wiring import Workspace

# A pipe has no width: a table in a file or in another program's input is never folded.
_PIPED_WIDTH = 400
_SHORT_LINE = 70


@cache
def _words() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def __getattr__(name: str) -> Any:
    if name == "words":
        return _words()
    raise AttributeError(name)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")(function)


def as_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--as NAME`: speak for another person of the project (local mode)."""
    return click.option(
        "--as", "speaker", default="", metavar="NAME", help="Speak for this person of the project."
    )(function)


def limit_option(default: int, most: int = 10_000) -> Callable[..., Any]:
    """Add `--limit N`: a list grows without end, what is shown of it does not."""
    return click.option(
        "--limit",
        default=default,
        type=click.IntRange(1, most),
        show_default=True,
        help="How many at most.",
    )


def here(*, artifacts: str = "") -> Workspace:
    """The workspace of the current folder; `artifacts` as in its settings."""
    from trueup.app.wiring import open_workspace  # loads every stage: not for `explain`

    return open_workspace(Path.cwd(), artifacts=artifacts)


def emit_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode() + "\n")


def write_file(path: str, text: str) -> None:
    """Write a report to where the user said, whole or not at all.

    Raises:
        BackendError: It cannot be written there.
    """
    from trueup.foundation.errors import BackendError

    place = Path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(place.name + ".incoming")
        aside.write_text(text, encoding="utf-8")
        aside.replace(place)
    except OSError as error:
        raise BackendError(
            "report-not-written",
            f"The report {path} could not be written: {error.strerror or error}.",
            hint="name a file in a folder that you may write",
        ) from error


def show(renderable: Any) -> None:
    """Print data: tables, trees, text."""
    _data().print(_visible(renderable))


def width() -> int:
    """How many columns there are for data."""
    return _data().width


def is_live() -> bool:
    """Whether words on stderr may change after they were printed."""
    return not plain.is_plain(sys.stderr) and not _words().is_dumb_terminal


def room() -> int:
    """How many columns there are for words."""
    if not plain.is_plain(sys.stderr):
        return _words().width
    return _told_width()


def _told_width() -> int:
    told = os.environ.get("COLUMNS", "")
    return int(told) if told.isdecimal() else 80


def _is_piped() -> bool:
    return not sys.stdout.isatty() and "COLUMNS" not in os.environ


def _data() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=_PIPED_WIDTH if _is_piped() else None)


def _visible(renderable: Any) -> Any:
    """Words without anything that a terminal obeys; tables are made of such words already."""
    from rich.text import Text

    if isinstance(renderable, str):
        return visible(renderable)
    if isinstance(renderable, Text) and renderable.plain != (plain := visible(renderable.plain)):
        renderable = renderable.copy()
        renderable.plain = plain
    return renderable


def heading(title: str, note: str = "") -> None:
    """A line that names what follows, and a note beside it, or below it when that is long."""
    from rich.text import Text

    gap = "  " if len(title) + len(note) < _SHORT_LINE else "\n"
    show(Text.assemble((title, "bold"), (f"{gap}{note}" if note else "", "dim")))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: int = 1) -> None:
    """A plain table on stdout; numbers stand right, everything else left.

    The first column names the thing: it stays whole, so that it can be pasted. `whole` says how
    many columns do; the others are folded where the terminal is narrow.
    """
    listed = [list(row) for row in rows]
    shown = [[_plain(value) for value in row] for row in listed]
    right = [_are_numbers([row[index] for row in shown]) for index in range(len(columns))]
    if columns and plain.is_plain(sys.stdout):
        drawn = plain.table(columns, shown, right, _PIPED_WIDTH if _is_piped() else _told_width())
        if drawn is not None:
            plain.write(sys.stdout, drawn)
            return
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        side: JustifyMethod = "right" if right[index] else "left"
        grid.add_column(name, justify=side, overflow="fold", no_wrap=index < whole)
    for row in listed:
        grid.add_row(*(cell(value) for value in row))
    show(grid)


def facts(pairs: Mapping[str, object]) -> None:
    """Name and value, one pair a line; pairs without a value are left out."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        if value not in (None, "", (), [], {}):
            grid.add_row(name, cell(value))
    show(Padding(grid, (0, 0, 0, 2), expand=False))


def findings(pairs: Iterable[tuple[str, str]]) -> None:
    """State and sentence, one pair a line; long sentences hang beside their mark."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, sentence in pairs:
        shown = words_of.state(name)
        grid.add_row(Text(shown.mark, style=_TONES[shown.tone]), sentence)
    show(Padding(grid, (0, 0, 0, 2), expand=False))


def blank() -> None:
    """An empty line on stdout."""
    show("")


def state(name: str) -> Text:
    """A state: its mark, its word, its colour."""
    from rich.text import Text

    shown = words_of.state(name)
    return Text(f"{shown.mark} {shown.word}", style=_TONES[shown.tone])


def mark(name: str) -> tuple[str, str]:
    """The mark of a state, and its style."""
    shown = words_of.state(name)
    return shown.mark, _TONES[shown.tone]


def cell(value: object) -> Text:
    """A value as a table shows it."""
    from rich.text import Text

    if isinstance(value, Text):
        return value
    return Text(_plain(value), style="dim" if value is None or value == "" else "")


def _plain(value: object) -> str:
    """The words of a cell."""
    if value is None or value == "":
        return words_of.NOTHING
    # Those of rich have their letters in `plain`: only who made one has imported it.
    own = getattr(value, "plain", None)
    return own if isinstance(own, str) else visible(_as_words(value)).replace("\n", "␊")


def _as_words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case float() | int():
            return words_of.number(value)
        case list() | tuple():
            return ", ".join(map(str, value))
    return str(value)


def say(template: str, *values: object) -> None:
    """A sentence for people, on stderr; `values` fill its `{}` and are never read as markup."""
    told = [visible(str(value)) for value in values]
    if plain.is_plain(sys.stderr):
        text = plain.untagged(template)
        plain.write(sys.stderr, text.format(*told) if told else text)
        return
    from rich.markup import escape
    from rich.text import Text

    text = template.format(*map(escape, told)) if told else template
    _words().print(Text.from_markup(text, emoji=False))


def line(*parts: tuple[str, str], style: str = "", is_cut: bool = False) -> None:
    """A line of words on stderr.

    Args:
        parts: Each with its style.
        style: Of the whole line.
        is_cut: Cut it at the edge of the terminal.
    """
    if plain.is_plain(sys.stderr):
        plain.write(sys.stderr, "".join(text for text, _ in parts))
        return
    from rich.text import Text

    whole = Text.assemble(*parts, style=style)
    if is_cut:
        _words().print(whole, soft_wrap=False, no_wrap=True, overflow="ellipsis")
    else:
        _words().print(whole)


def next_step(*commands: str) -> None:
    """What one would do next, to paste."""
    line()
    for number, command in enumerate(commands):
        line(("      " if number else "next: ", "dim"), (command, "bold"))


def _are_numbers(values: Sequence[str]) -> bool:
    shown = [value for value in values if value != words_of.NOTHING]
    return bool(shown) and all(_is_number(value) for value in shown)


def _is_number(value: str) -> bool:
    try:
        float(value.replace(",", "").replace("−", "-").rstrip("% "))
    except ValueError:
        return False
    return True


_TONES: dict[words_of.Tone, str] = {
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "busy": "cyan",
    "quiet": "dim",
}
