"""What steps print: the files that engines write while a run goes on, and what is read from them.

An attempt's file is there until the attempt is recorded; then its bytes are a blob.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from trueup.foundation.configuration import HOME

FOLDER: Final = "logs"
ENGINE: Final = "engine.log"
_NAME = re.compile(
    r"(?P<position>\d+)-(?P<step>.+?)(\[(?P<item>\d+)\])?\.(?P<number>\d+)\.log", re.DOTALL
)
_OVERWRITTEN = re.compile(r"[^\n\r]*\r(?=[^\n\r])|\r+(?=\n|$)")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
# Of no use while one looks on: every module's name, and advice for whoever starts a kernel.
_ASIDE = re.compile(r"Extension modules: |.*Kernel is running over TCP without encryption")
# What Python's fault handler adds around the user's frames.
_NOT_THEIRS = re.compile(
    r'\s*File "(<string>|.*/trueup/(backends/engines|lifecycle)/.*)", line|Extension modules: '
)


class Open(NamedTuple):
    """The log of an attempt that is under way."""

    path: Path
    step: str
    position: int
    item: int
    number: int


def folder_of(root: Path, run_id: str) -> Path:
    """The folder of a run's open logs."""
    return root / HOME / FOLDER / run_id


def path_of(folder: Path, position: int, step: str, number: int) -> Path:
    """The file of one attempt; `step` names the item, too."""
    return folder / f"{position:04d}-{step.replace('/', '_')}.{number}.log"


def open_in(folder: Path) -> list[Open]:
    """The logs of the attempts that are under way, or were when their run was killed."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                item = match["item"]
                step = match["step"] + (f"[{item}]" if item else "")
                number = -1 if item is None else int(item)
                found.append(Open(path, step, int(match["position"]), number, int(match["number"])))
    return sorted(found, key=lambda each: (each.position, each.item, each.number))


def clean(raw: bytes) -> str:
    """Printed bytes as text for people: no control codes, nothing that moves a cursor.

    Of a line that was written over and over, such as a progress bar, the last state is left.
    """
    text = _OVERWRITTEN.sub("", raw.decode("utf-8", "replace").replace("\r\n", "\n"))
    return _CONTROL.sub("", text)


def tail(path: Path, lines: int = 15, most: int = 8192) -> list[str]:
    """The last lines of a log; what a crash in our own frames adds is left out."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - most))
            text = clean(file.read())
    except OSError:
        return []
    kept = [line for line in text.splitlines() if line.strip() and not _NOT_THEIRS.match(line)]
    return kept[-lines:]


class Follower:
    """Reads a file that grows, whole lines at a time; lines that only fill a screen are passed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._rest = b""

    def lines(self, *, to_the_end: bool = False) -> Iterator[str]:
        """The lines that came since the last call; a last one without its end only on request."""
        raw = self._rest + self._read()
        whole, newline, self._rest = raw.rpartition(b"\n")
        if to_the_end:
            whole, newline, self._rest = raw, b"", b""
        if whole or newline:
            lines = clean(whole).splitlines()
            yield from (line for line in lines if not _ASIDE.match(line))

    @property
    def unfinished(self) -> str:
        """The beginning of a line whose end has not come, such as a progress bar."""
        return clean(self._rest)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> bytes:
        if self._file < 0:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                return b""
        pieces = []
        while piece := os.read(self._file, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)
