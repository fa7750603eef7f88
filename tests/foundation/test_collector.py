"""Commands collect seldom; what lives long or runs the user's code collects as usual."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from trueup.backends.engines.inprocess import Backend
from trueup.foundation import collector
from trueup.ports.engine import Attempt, Program

USUAL = gc.get_threshold()


@pytest.fixture(autouse=True)
def _seldom() -> Iterator[None]:
    collector.seldom()
    yield
    gc.set_threshold(*USUAL)


def test_it_goes_back_to_what_was() -> None:
    assert gc.get_threshold()[0] > USUAL[0]
    collector.as_usual()
    assert gc.get_threshold() == USUAL


def test_steps_in_this_process_find_the_usual_pace(tmp_path: Path) -> None:
    engine = Backend("inprocess://")
    engine.open(
        Program(entry="trueup.testing.engines:prepare", setup={}, log=tmp_path / "engine.log")
    )
    engine.submit(Attempt(id="a", argument={"do": "return"}, log=tmp_path / "log"))
    engine.wait(0)
    assert gc.get_threshold() == USUAL
