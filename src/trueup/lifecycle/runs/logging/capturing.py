"""What the code prints, also in a file of the run: whole lines, without colours, bounded.

A line that rewrites itself, as progress bars do, is kept as it stood at its end.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

OUTPUT: Final = "output.txt"
_MOST: Final = 16 << 20
_LONGEST: Final = 1 << 16
_CUT: Final = b"[the rest was not kept: it is more than 16 MiB]\n"
_CONTROL: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])|[\x00-\x08\x0b-\x1f\x7f]"
)


def plain(line: str) -> str:
    """A line as it stood at its end, without what speaks to a terminal.

    Example:
        >>> plain("10 %\\r\\x1b[32m100 %\\x1b[0m")
        '100 %'
    """
    return _CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2])


class Output:
    """A file that takes what several streams print.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0
        self._lock = threading.Lock()

    def add(self, lines: str) -> None:
        """Append whole lines; they survive `kill -9` from here on."""
        raw = "".join(f"{plain(line)}\n" for line in lines.split("\n")[:-1]).encode(
            "utf-8", "replace"
        )
        with self._lock:
            if self._file < 0 or self._size > _MOST:
                return
            self._size += len(raw)
            try:
                os.write(self._file, raw if self._size <= _MOST else _CUT)
            except OSError:  # a full disk: what is printed is still on the screen
                self._size = _MOST + 1

    def close(self) -> None:
        """Take nothing more."""
        with self._lock:
            os.close(self._file)
            self._file = -1


class Tee:
    """A stream that also fills an `Output`; all else is the stream itself."""

    def __init__(self, stream: Any, output: Output) -> None:
        self._stream = stream
        self._output = output
        self._line = ""

    def write(self, text: str) -> Any:
        """Print, and keep the lines that are whole."""
        written = self._stream.write(text)
        line = self._line + text
        whole, newline, rest = line.rpartition("\n")
        if newline:
            self._output.add(whole + newline)
        if len(rest) > _LONGEST:
            rest = rest.rpartition("\r")[2][-_LONGEST:]
        self._line = rest
        return written

    def writelines(self, lines: Any) -> None:
        """Print several."""
        for line in lines:
            self.write(line)

    def end(self) -> Any:
        """Keep the line that is not whole; the stream below."""
        if self._line:
            self._output.add(f"{self._line}\n")
            self._line = ""
        return self._stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def capture(folder: Path) -> Callable[[], None]:
    """Keep from now on what this process prints through Python.

    Args:
        folder: Where the file `output.txt` goes.

    Returns:
        What stops it.
    """
    try:
        output = Output(folder / OUTPUT)
    except OSError:
        return lambda: None
    tees = {name: Tee(getattr(sys, name), output) for name in ("stdout", "stderr")}
    for name, tee in tees.items():
        setattr(sys, name, tee)

    def stop() -> None:
        for name, tee in tees.items():
            stream = tee.end()
            if getattr(sys, name) is tee:  # else somebody else put theirs over it
                setattr(sys, name, stream)
        output.close()

    return stop
