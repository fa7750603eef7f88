"""kill -9 at any moment, and writes torn at any byte: what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.journal import frames
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Predictions

from ..conftest import prediction

SEEDS = range(int(os.environ.get("TRUEUP_SEEDS", "1")))
ROOT = Path(__file__).parents[4]


def _found(folder: Path) -> Counter[str]:
    return Counter(r.request for r, _ in read(folder) if isinstance(r, Predictions))


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_9_loses_and_doubles_nothing_that_was_acknowledged(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged: list[str] = []
    for _ in range(2):  # the second writer recovers what the first one left
        mode = chance.choice(["durable", "written"])
        command = [sys.executable, "-m", f"{__package__}.writing", str(folder), mode]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as writer:
            stdout = writer.stdout
            assert stdout is not None
            lines = (stdout.readline().decode() for _ in range(chance.randrange(1, 1500)))
            acknowledged += map(str.strip, lines)
            writer.kill()
            *rest, torn = stdout.read().decode().split("\n")
        acknowledged += rest
        assert not torn
    Journal(folder).close()
    found = _found(folder)
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}
    assert all(segment.sealed for segment in folders.segments(folder))


def test_a_write_torn_at_any_byte_costs_only_itself(folder: Path) -> None:
    whole, torn = (bytes(frames.encode([prediction(f"{i:032x}")])) for i in range(2))
    for cut in range(len(torn)):
        (folder / "each").mkdir(parents=True, exist_ok=True)
        place = folder / "each" / str(cut)
        place.mkdir()
        _, descriptor = folders.create(place)
        os.write(descriptor, whole + torn[:cut])
        os.close(descriptor)
        (recovery,) = folders.recover(place)
        assert (recovery.kept_bytes, recovery.cut_bytes) == (len(whole), cut)
        assert list(_found(place)) == [f"{0:032x}"]
