"""What commands print: data to stdout, words to stderr, JSON on request, the next step at the end.

Nothing here decides anything. `say` and `cell` never read markup from the user's own words.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace

# A pipe has no width: a table in a file or in another program's input is never folded.
_PIPED_WIDTH = 400

words = Console(stderr=True, highlight=False, soft_wrap=True)
data = Console(highlight=False)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")(function)


def as_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--as NAME`: speak for another person of the project (local mode)."""
    return click.option(
        "--as", "speaker", default="", metavar="NAME", help="Speak for this person of the project."
    )(function)


def here() -> Workspace:
    """The workspace of the current folder."""
    from trueup.app.wiring import open_workspace  # loads every stage: not for `explain`

    return open_workspace(Path.cwd())


def emit_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode() + "\n")


def show(renderable: Any) -> None:
    """Print data: tables, trees, text."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    data.print(renderable, width=_PIPED_WIDTH if piped else None)


def heading(title: str, note: str = "") -> None:
    """A line that names what follows."""
    show(Text.assemble((title, "bold"), (f"  {note}" if note else "", "dim")))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A plain table on stdout; numbers stand right, everything else left."""
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    listed = [[cell(value) for value in row] for row in rows]
    for index, name in enumerate(columns):
        values = [row[index].plain for row in listed]
        grid.add_column(name, justify="right" if _are_numbers(values) else "left", overflow="fold")
    for row in listed:
        grid.add_row(*row)
    if title:
        heading(title)
    show(grid)


def facts(pairs: Mapping[str, object]) -> None:
    """Name and value, one pair a line; pairs without a value are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        if value not in (None, "", (), [], {}):
            grid.add_row(name, cell(value))
    show(Padding(grid, (0, 0, 0, 2)))


def blank() -> None:
    """An empty line on stdout."""
    show("")


def cell(value: object) -> Text:
    """A value as a table shows it."""
    if isinstance(value, Text):
        return value
    if value is None or value == "":
        return Text("–", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M}")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, list | tuple):
        return Text(", ".join(map(str, value)))
    return Text(str(value), style=_STYLES.get(str(value), ""))


def say(template: str, *values: object) -> None:
    """A sentence for people, on stderr; `values` fill its `{}` and are never read as markup."""
    text = template.format(*(escape(str(value)) for value in values)) if values else template
    words.print(Text.from_markup(text))


def next_step(*commands: str) -> None:
    """What one would do next, to paste."""
    words.print()
    for number, command in enumerate(commands):
        words.print(Text.assemble(("      " if number else "next: ", "dim"), (command, "bold")))


def _are_numbers(values: Sequence[str]) -> bool:
    shown = [value for value in values if value != "–"]
    return bool(shown) and all(_is_number(value) for value in shown)


def _is_number(value: str) -> bool:
    try:
        float(value.replace(",", "").rstrip("%"))
    except ValueError:
        return False
    return True


_STYLES = {
    "PASSED": "bold green",
    "FAILED": "bold red",
    **dict.fromkeys(
        ("passed", "finished", "ok", "live", "approved", "reached", "done", "resolved"), "green"
    ),
    **dict.fromkeys(("failed", "breach", "open", "problem", "error", "rejected", "page"), "red"),
    **dict.fromkeys(
        ("warning", "not-enough-data", "acknowledged", "interrupted", "asked", "requested"), "yellow"
    ),
    **dict.fromkeys(("canary", "running", "cached"), "cyan"),
    **dict.fromkeys(
        ("superseded", "withdrawn", "rolled-back", "not-applicable", "stale", "notice"), "dim"
    ),
}
