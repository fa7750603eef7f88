"""How far a gate is: a line that changes on a terminal, one line a check that refuses elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.doors.cli.terminal import output

if TYPE_CHECKING:
    from trueup.lifecycle.gates.records import CheckResult


class Checking:
    """Tells of each finding as it is made; give `tell` to whatever judges."""

    def __init__(self) -> None:
        self._status = output.words.status("checking …") if output.words.is_terminal else None

    def __enter__(self) -> Checking:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, done: int, every: int, result: CheckResult) -> None:
        """Say what was found last, and how many checks are left."""
        if self._status is not None:
            self._status.update(f"{done} of {every} checks; last: {result.name}, {result.outcome}")
