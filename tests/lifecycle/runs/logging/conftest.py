"""Reading back what a run logged, as the shipper does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trueup.lifecycle.runs.logging import ambient, outbox, sending
from trueup.lifecycle.runs.logging.reading import Piece, Reader
from trueup.lifecycle.runs.tracking.records import Point


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's outbox in which nobody ships: another process is said to do so."""
    (tmp_path / "trueup.toml").touch()
    found = tmp_path / ".trueup" / "outbox"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRUEUP_URL", raising=False)
    return found


@pytest.fixture(autouse=True)
def held(place: Path) -> Iterator[None]:
    with outbox.shipping(place) as is_ours:
        assert is_ours
        yield
    assert not sending.outbox.has_shipper(place)
    for run in list(ambient.opened.values()):
        run.finish(wait=0)


def pieces(folder: Path) -> Iterator[Piece]:
    reader = Reader(folder)
    while (piece := reader.next()) is not None:
        yield piece
        reader.note(piece)


@pytest.fixture
def read(place: Path) -> Callable[[], list[Piece]]:
    """Everything in the outbox, of all writers."""

    def read() -> list[Piece]:
        return [piece for folder in outbox.writers(place) for piece in pieces(folder)]

    return read


@pytest.fixture
def points(read: Callable[[], list[Piece]]) -> Callable[[], list[Point]]:
    """All points in the outbox that the code itself logged."""

    def points() -> list[Point]:
        found = [point for piece in read() for point in piece.batch.points]
        return [point for point in found if not point.key.startswith("system/")]

    return points


def in_child(work: Callable[[], Any]) -> int:
    """Do something in a fork of this process; its exit code."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
