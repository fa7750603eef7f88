"""Every prediction is counted once, however often one counts and wherever it crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.app.automation import watching
from trueup.app.automation.reacting import ACTOR
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError
from trueup.lifecycle.monitoring.records import Ingested
from trueup.lifecycle.serving.service import Journals

from ..conftest import BREACH, DAY, START, Desk


def rows(desk: Desk) -> tuple[int, int]:
    """Predictions and labels counted so far."""
    arm = desk.workspace.monitors.arm_losses(ACTOR, "desk", "small@1", START, START + 30 * DAY)
    return arm.n, arm.labelled


def test_what_is_new_is_counted_and_nothing_twice(desk: Desk) -> None:
    assert rows(desk) == (540, 540)
    assert watching.count(desk.workspace, ACTOR) == Ingested()
    desk.answer(1, [9], rows=10)
    counted = watching.count(desk.workspace, ACTOR)
    assert (counted.requests, counted.rows, counted.labels, counted.duplicates) == (1, 10, 10, 0)
    assert watching.count(desk.workspace, ACTOR) == Ingested()
    assert rows(desk) == (550, 550)


def test_sealed_segments_are_put_on_record(desk: Desk) -> None:
    """As the service that watches, which may not answer predictions."""
    desk.answer(1, [9], rows=10)
    watching.count(desk.workspace, ACTOR)
    watching.count(desk.workspace, ACTOR)
    sealed = Journals(desk.workspace.state).registered(ACTOR)
    assert [segment.rows for segment in sealed] == [540, 10]
    assert len(desk.events("journal.segment-sealed")) == 2


def test_many_small_batches_count_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_MOST", 3)
    desk.answer(1, range(9, 19), rows=5)
    counted = watching.count(desk.workspace, ACTOR)
    assert (counted.requests, counted.rows, counted.labels) == (10, 50, 50)
    assert rows(desk) == (590, 590)


def test_a_crash_between_two_batches_loses_and_doubles_nothing(
    desk: Desk, reopened: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_MOST", 3)
    desk.answer(1, range(9, 19), rows=5)
    writing, left = desk.workspace.state.database.writing, [3]

    @contextmanager
    def mortal(**how: Any) -> Iterator[sa.Connection]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        with writing(**how) as connection:
            yield connection

    desk.workspace.state.database.writing = mortal  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        watching.count(desk.workspace, ACTOR)
    after = reopened()
    assert 540 < rows(after)[0] < 590
    watching.count(after.workspace, ACTOR)
    assert rows(after) == (590, 590)


def test_the_same_moment_is_evaluated_once(desk: Desk) -> None:
    first = desk.watch(BREACH)
    assert desk.watch(BREACH) == first
    assert len(desk.events("monitors.evaluated")) == 1
    assert desk.watch(BREACH + DAY).id != first.id


def test_who_may_not_run_monitors_counts_nothing(desk: Desk) -> None:
    desk.answer(1, [9], rows=10)
    with pytest.raises(DeniedError):
        watching.count(desk.workspace, Actor(name="rita"))
    assert rows(desk) == (540, 540)
