"""A terminal's screen, as far as our display needs one: text, line feeds, cursor up, erasing."""

from __future__ import annotations

import re

_TOKENS = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r|\n)|([^\x1b\r\n]+)")


class Screen:
    """What stands on a terminal of some width, scrolled lines included.

    Attributes:
        lines: All lines, from the first that was printed.
        is_cursor_hidden: Whether the cursor was hidden and not shown again.
        widest: The longest line that ever stood there.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._row = self._column = 0
        self.lines = [""]
        self.is_cursor_hidden = False
        self.widest = 0

    def feed(self, text: str) -> None:
        """Take in what a program writes."""
        for arguments, command, motion, plain in _TOKENS.findall(text):
            if plain:
                self._write(plain)
            elif motion == "\r":
                self._column = 0
            elif motion == "\n":
                self._down()
            else:
                self._obey(command, arguments)

    @property
    def shown(self) -> list[str]:
        """The lines that are not empty."""
        return [line.rstrip() for line in self.lines if line.strip()]

    def _write(self, text: str) -> None:
        for letter in text:
            if self._column == self._width:
                self._down()
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + letter + line[self._column + 1 :]
            self._column += 1
            self.widest = max(self.widest, self._column)

    def _down(self) -> None:
        self._row, self._column = self._row + 1, 0
        if self._row == len(self.lines):
            self.lines.append("")

    def _obey(self, command: str, arguments: str) -> None:
        if command == "A":
            self._row = max(0, self._row - int(arguments or 1))
        elif command == "K":
            self.lines[self._row] = (
                "" if arguments == "2" else self.lines[self._row][: self._column]
            )
        elif arguments == "?25":
            self.is_cursor_hidden = command == "l"
