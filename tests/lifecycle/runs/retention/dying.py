"""Collects what nobody needs in copies of a project's state, and dies at a line of its own in each.

    python dying.py HOME ROOT PARTS

First it collects in a copy `HOME-0` and counts the lines that throw something away; then children
are killed at PARTS places among these, each in a copy `HOME-1`, `HOME-2`, ….
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[4] / "src"), str(HERE.parents[4])]

from tests.conftest import open_state

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.data.upkeep import collecting

DAY = timedelta(days=1)
DESTROYING = ("deletion.py", "index.py", "wholes.py", "packed.py", "collecting.py")


class Dying:
    """Counts the lines that are run in the modules that throw away; dies at one of them."""

    def __init__(self, at: int = 0) -> None:
        self.lines = 0
        self._at = at

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.endswith(DESTROYING):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def collect(home: Path, root: Path, dying: Dying) -> None:
    """Collect two days later; the lines count from the first byte that goes."""
    state = open_state(home)
    sweep = collecting.sweep

    def watched(*arguments: Any) -> int:
        sys.settrace(dying)
        try:
            return sweep(*arguments)
        finally:
            sys.settrace(None)

    collecting.sweep = watched
    with clock.held_at(clock.now() + 2 * DAY):
        Datasets(state).collect(Actor(name="sam"), root, older_than=DAY, dry_run=False)
    collecting.sweep = sweep
    state.close()


def copied(home: Path, number: int) -> Path:
    """A copy of the state."""
    return shutil.copytree(home, home.with_name(f"{home.name}-{number}"))


def main(home: Path, root: Path, parts: int) -> None:
    """What the command line says."""
    whole = Dying()
    collect(copied(home, 0), root, whole)
    for number in range(1, parts + 1):
        copy = copied(home, number)
        child = os.fork()
        if not child:
            collect(copy, root, Dying(1 + (number - 1) * whole.lines // parts))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"{number}: it was over before it was killed"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
