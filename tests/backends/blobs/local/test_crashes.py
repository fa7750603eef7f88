"""Killed anywhere, the store keeps its promises: what it said is there, what is there is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("crashing.py")


@pytest.mark.slow
@pytest.mark.parametrize(("what", "start", "stride"), [("add", 3, 29), ("delete", 2, 11)])
def test_killed_at_any_step_it_loses_nothing_and_goes_on(
    what: str, start: int, stride: int, tmp_path: Path
) -> None:
    # All steps were tried once with a start and a stride of 1; a sample suffices from then on.
    command = [sys.executable, str(PROGRAM), str(tmp_path), what, str(start), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50, "the program came to its end before it was killed often"
