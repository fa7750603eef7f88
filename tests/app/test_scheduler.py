"""What is due is done once, by one of several schedulers, and an error ends none of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from trueup.app import scheduler as scheduling
from trueup.app.automation import ACTOR
from trueup.app.scheduler import Scheduler
from trueup.foundation import clock
from trueup.state.leases import Lease

from .conftest import BREACH, DAY, PIPELINE, Desk

NIGHTLY = PIPELINE.replace('model="small"', 'model="small", schedule="0 3 * * *"')
EVENING = datetime(2026, 3, 11, 22, tzinfo=UTC)


def scheduler(desk: Desk, now: datetime = BREACH) -> Scheduler:
    """A scheduler that began at this moment."""
    with clock.held_at(now):
        return Scheduler(desk.workspace, desk.told.append)


def evaluated(desk: Desk) -> int:
    return len(desk.workspace.monitors.evaluations(ACTOR, "desk"))


def test_a_place_is_watched_when_it_is_due_and_not_before(desk: Desk) -> None:
    working = scheduler(desk)
    desk.answer(1, [9], rows=5)
    working.tick(BREACH + DAY / 2)
    assert evaluated(desk) == 1
    working.tick(BREACH + DAY)
    working.tick(BREACH + DAY)
    working.tick(BREACH + 1.5 * DAY)
    assert evaluated(desk) == 2
    assert [w for w in desk.told if w.startswith("evaluated")] == [
        f"evaluated desk: {len(desk.watch(BREACH + DAY).findings)} findings"
    ]


def test_without_anything_new_an_evaluation_stands(desk: Desk) -> None:
    working = scheduler(desk)
    working.tick(BREACH + 5 * DAY)
    assert evaluated(desk) == 1
    desk.label(1, 8)
    working.tick(BREACH + 6 * DAY)
    assert evaluated(desk) == 2


def test_a_breach_is_followed_by_a_retraining_in_the_same_tick(desk: Desk) -> None:
    scheduler(desk).tick(BREACH + DAY / 2)
    assert desk.states() == ["live", "requested"]


def test_two_schedulers_do_what_is_due_once(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.commit(pipeline=NIGHTLY)
    desk.answer(1, [9], rows=5)
    other = reopened()
    working = (scheduler(desk, EVENING), scheduler(other, EVENING))
    for hours in (1, 6, 7):
        for each in working:
            each.tick(EVENING + timedelta(hours=hours))
    (slot,) = [r for r in runs(desk) if r.startswith("schedule:")]
    assert slot == "schedule:training:2026-03-12T03:00"
    assert evaluated(desk) == 2
    assert len(desk.events("improvement.proposed")) == 1


def runs(desk: Desk) -> list[str]:
    """What caused each run, newest first."""
    return [run.caused_by for run in desk.workspace.runs.list(ACTOR).runs]


def test_a_slot_is_run_once_and_the_next_one_again(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    working = scheduler(desk, EVENING)
    for hours in (4, 5, 6, 28, 29, 30):
        working.tick(EVENING + timedelta(hours=hours))
    slots = [cause for cause in runs(desk) if cause.startswith("schedule:")]
    assert slots == ["schedule:training:2026-03-13T03:00", "schedule:training:2026-03-12T03:00"]


def test_a_slot_is_not_run_again_after_a_restart_nor_before_it_was_asked_for(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    scheduler(desk, EVENING).tick(EVENING + timedelta(hours=6))
    scheduler(desk, EVENING).tick(EVENING + timedelta(hours=7))
    scheduler(desk, EVENING + timedelta(hours=8)).tick(EVENING + timedelta(hours=9))
    assert len([cause for cause in runs(desk) if cause.startswith("schedule:")]) == 1


def test_without_a_plan_or_a_release_there_is_nothing_to_do(desk: Desk) -> None:
    desk.adopt(("[deployments.desk]", "[deployments.hall]"), ("released:desk", "released:hall"))
    scheduler(desk).tick(BREACH + 10 * DAY)
    assert evaluated(desk) == 1


# --- several processes, and errors


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become milliseconds."""
    monkeypatch.setattr(scheduling, "EVERY_S", 0.01)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.005)


def start(working: Scheduler) -> tuple[threading.Thread, threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=working.run, args=(stop,))
    thread.start()
    return thread, stop


def test_an_error_is_told_and_ends_nothing(
    desk: Desk, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = scheduler(desk)
    done = threading.Event()
    trouble = [ZeroDivisionError("a bug"), OSError("the disk is full")]

    def tick(_now: datetime) -> None:
        if trouble:
            raise trouble.pop(0)
        done.set()

    monkeypatch.setattr(working, "tick", tick)
    thread, stop = start(working)
    assert done.wait(10)
    stop.set()
    thread.join()
    assert desk.told == ["ZeroDivisionError: a bug", "OSError: the disk is full"]


def test_only_the_holder_of_the_lease_works(
    desk: Desk, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = Lease(desk.workspace.state.database, "scheduler", timedelta(minutes=2))
    assert holder.take()
    ticks: list[datetime] = []
    working = scheduler(desk)
    monkeypatch.setattr(working, "tick", ticks.append)
    thread, stop = start(working)
    time.sleep(0.05)
    assert ticks == []
    holder.release()
    until(lambda: bool(ticks))
    stop.set()
    thread.join()
    assert holder.take()  # it was given back at the end


def test_the_lease_outlasts_a_long_piece_of_work(
    desk: Desk, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "_LEASE", timedelta(seconds=0.2))
    working, other = scheduler(desk), Lease(desk.workspace.state.database, "scheduler", 2 * DAY)
    taken: list[bool] = []

    def long(_now: datetime) -> None:
        time.sleep(0.5)
        taken.append(other.take())

    monkeypatch.setattr(working, "tick", long)
    thread, stop = start(working)
    until(lambda: bool(taken))
    stop.set()
    thread.join()
    assert not any(taken)
