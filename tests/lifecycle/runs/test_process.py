"""Telling a living process from a dead one, and from another one with its number."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import msgspec
import pytest

from trueup.foundation.errors import BackendError
from trueup.lifecycle.runs import process, rules


def test_this_process_lives() -> None:
    assert process.is_alive(process.this_process())


def test_a_process_that_ended_does_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    ended = msgspec.structs.replace(process.this_process(), pid=child.pid)
    assert not process.is_alive(ended)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was born")
def test_another_process_with_the_same_number_is_not_it() -> None:
    assert not process.is_alive(msgspec.structs.replace(process.this_process(), born="1"))


def test_beats_until_the_block_ends_and_survives_a_busy_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "BEAT", timedelta(milliseconds=1))
    thrice = threading.Event()
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) >= 3:
            thrice.set()
        raise BackendError("database-busy", "busy")

    with process.beating(beat):
        assert thrice.wait(5)
    assert "trueup-run-beat" not in [thread.name for thread in threading.enumerate()]
