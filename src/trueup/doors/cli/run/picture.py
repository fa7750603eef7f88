"""The bottom of a terminal while steps run: bars of lists, running steps, the whole."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from trueup.doors.cli.terminal import output

_NAME = 18
_BAR = 24
_NARROW = 60  # columns; below that names and bars get less room


def drawn(lines: Sequence[Text], whole: Text) -> Group:
    """As many lines as there is room for, and the whole below them, if there is any line."""
    shown = _fitting(list(lines))
    if shown:
        shown.append(whole)
    for line in shown:
        line.truncate(output.words.width, overflow="ellipsis")
    return Group(*shown)


def step(name: str, took: str, newest: str) -> Text:
    """A step that runs, with its newest line."""
    line = Text.assemble(("▸ ", "cyan"), f"{name:<{_name()}} {took:<8} ")
    return line.append(newest, style="dim")


def bar(name: str, ended: int, items: int) -> Text:
    """A step over a list."""
    width = _BAR if output.words.width >= _NARROW else _BAR // 3
    full = ended * width // items
    line = Text(f"  {name:<{_name()}} ")
    line.append("━" * full, style="green")
    line.append("─" * (width - full), style="dim")  # thinner: told apart without colour, too
    return line.append(f" {ended:,} of {items:,}")


def _name() -> int:
    return _NAME if output.words.width >= _NARROW else _NAME // 2


def _fitting(lines: list[Text]) -> list[Text]:
    """As many lines as the terminal is high, and how many others there are."""
    room = max(output.words.height - 3, 1)
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], Text(f"  and {len(lines) - room + 1:,} others", style="dim")]
