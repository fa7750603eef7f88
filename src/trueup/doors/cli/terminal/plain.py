"""What commands print where there is no terminal: the same words, without colours and without rich.

rich takes 50 ms to import. What it would do with the words that go into a pipe is little; the tests
compare the two.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final, TextIO

_TAG: Final = re.compile(r"(?<!\\)\[(?:[a-z][a-z ]*|/[a-z ]*)\]")
# Signs that rich leaves out of every text: bell, backspace, vertical tab, form feed, return.
_LEFT_OUT: Final = dict.fromkeys((7, 8, 11, 12, 13))
_GAP: Final = "  "  # between the columns of a table
_NARROW: Final = frozenset("—–−…·×✓✗✘≡▸␊│•→≥≤±")  # one column wide, as ASCII is


def is_plain(stream: TextIO) -> bool:
    """Whether words alone may go to a stream: it is no terminal, and nobody says that it is."""
    environment = os.environ
    if environment.get("TTY_COMPATIBLE") in ("0", "1"):
        return environment["TTY_COMPATIBLE"] == "0"
    if "FORCE_COLOR" in environment:
        return not environment["FORCE_COLOR"]
    try:
        return not stream.isatty()
    except ValueError:  # it is closed
        return True


def untagged(template: str) -> str:
    """A template without its colours.

    Example:
        >>> untagged("[yellow]note:[/] {}")
        'note: {}'
    """
    return _TAG.sub("", template).replace("\\[", "[")


def write(stream: TextIO, text: str) -> None:
    """Print a line, or several."""
    lines = text.translate(_LEFT_OUT).split("\n")
    stream.write("\n".join(line.expandtabs(8) for line in lines) + "\n")
    stream.flush()


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], width: int
) -> str | None:
    """A table; None for one that rich has to draw: with wide letters, or wider than `width`.

    Args:
        columns: The heads.
        rows: The cells.
        right: For each column, whether its cells stand right.
        width: How many letters a line may have.
    """
    lines = [columns, *rows]
    if not all(_is_narrow(text) for line in lines for text in line):
        return None
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        return None
    return "\n".join(
        _GAP.join(
            text.rjust(wide) if is_right else text.ljust(wide)
            for text, wide, is_right in zip(line, widths, right, strict=True)
        )
        for line in lines
    )


def _is_narrow(text: str) -> bool:
    return text.isprintable() and (text.isascii() or all(c.isascii() or c in _NARROW for c in text))
