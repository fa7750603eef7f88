"""How far a long command is: a line that changes on a terminal, a plain one now and then else."""

from __future__ import annotations

import time
from typing import Final

from trueup.doors.cli.terminal import output
from trueup.foundation.text import plural, size

_EVERY_SECONDS: Final = 10.0


class Counting:
    """Tells how many files and bytes went by; give `tell` to whatever takes a progress.

    Args:
        verb: What is done with them, such as "reading".
    """

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._told = time.monotonic()
        self._status = output.words.status(f"{verb} …") if output.words.is_terminal else None

    def __enter__(self) -> Counting:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, files: int, bytes_: int, rate: str = "") -> None:
        """Say how far it is, and how fast it goes if that is known."""
        line = f"{self._verb} {plural(files, 'file')}, {size(bytes_)}{rate and f', {rate}'}"
        if self._status is not None:
            self._status.update(line)
        elif time.monotonic() - self._told > _EVERY_SECONDS:
            self._told = time.monotonic()
            output.say("{}", line)
