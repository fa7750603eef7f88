"""What is due is done once, by one of several schedulers, and an error ends none of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from trueup.app.automation import scheduler as scheduling
from trueup.app.automation.declaring import survey
from trueup.app.automation.reacting import ACTOR
from trueup.app.automation.scheduler import Scheduler
from trueup.app.running.training import train
from trueup.foundation import clock
from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.records import Cause
from trueup.state.leases import Lease, leases

from ..conftest import BREACH, DAY, HERE, PIPELINE, Desk

NIGHTLY = PIPELINE.replace('model="small"', 'model="small", schedule="0 3 * * *"')
EVENING = datetime(2026, 3, 11, 22, tzinfo=UTC)


def scheduler(desk: Desk) -> Scheduler:
    """A scheduler that holds the lease, and leaves what it asks for to be started by others."""
    working = Scheduler(
        desk.workspace, desk.told.append, at_most=0, declared=lambda: survey(desk.root)
    )
    take_over(working)
    return working


def take_over(working: Scheduler) -> None:
    """Take the lease, as if whoever had it were long silent."""
    with working._workspace.state.database.writing() as connection:
        connection.execute(leases.update().values(expires_at=EVENING))
    assert working._lease.take()


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


def test_a_breach_asks_for_a_retraining_and_the_duties_go_on(desk: Desk) -> None:
    working = scheduler(desk)
    working.tick(BREACH + DAY / 2)
    (request,) = desk.workspace.requests.list(ACTOR)
    proposal = desk.proposal()
    assert (request.pipeline, request.cause) == ("small", f"proposal {proposal.id}")
    assert (proposal.state, desk.states()) == ("training", ["live"])
    desk.answer(1, [9], rows=5)
    working.tick(BREACH + DAY)
    assert evaluated(desk) == 2
    assert len(desk.workspace.requests.list(ACTOR)) == 1


def test_a_retraining_that_ended_goes_on_to_a_request_for_release(desk: Desk) -> None:
    working = scheduler(desk)
    working.tick(BREACH + DAY / 2)
    cause = Cause(by=f"proposal {desk.proposal().id}")
    train(desk.workspace, ACTOR, "small", {}, cause=cause, options=HERE)
    working.tick(BREACH + DAY / 2)
    assert desk.states() == ["live", "requested"]


def test_a_retraining_that_failed_ends_its_proposal(desk: Desk) -> None:
    working = scheduler(desk)
    working.tick(BREACH + DAY / 2)
    (request,) = desk.workspace.requests.list(ACTOR)
    working._at_most = 1
    desk.workspace.requests.claim(ACTOR, working._lease, 1)
    desk.workspace.requests.fail(ACTOR, request.run, UsageError("pipeline-empty", "No step."))
    working._at_most = 0
    working.tick(BREACH + DAY / 2)
    assert (desk.proposal().state, desk.proposal().why) == ("failed", "No step.")


def slots(desk: Desk) -> list[str]:
    """The causes of all requests of schedules, the oldest first."""
    found = desk.workspace.requests.list(ACTOR, limit=1000)
    return [request.cause for request in reversed(found) if request.kind == "slot"]


def test_two_schedulers_do_what_is_due_once(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.commit(pipeline=NIGHTLY)
    desk.answer(1, [9], rows=5)
    one, two = (scheduler(each) for each in (desk, reopened()))
    for hours in (0, 1, 6, 7):
        for each in (one, two):
            take_over(each)
            each.tick(EVENING + timedelta(hours=hours))
    assert slots(desk) == ["slot:training@2026-03-12T03:00Z"]
    assert evaluated(desk) == 2
    assert len(desk.events("improvement.proposed")) == 1


def test_one_that_lost_the_lease_writes_nothing(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.commit(pipeline=NIGHTLY)
    paused, heir = (scheduler(each) for each in (desk, reopened()))
    heir.tick(EVENING)
    paused.tick(EVENING + timedelta(hours=6))
    assert "Another process has taken over 'scheduler' (fence 2, ours 1)." in desk.told
    assert slots(desk) == []
    heir.tick(EVENING + timedelta(hours=6))
    assert slots(desk) == ["slot:training@2026-03-12T03:00Z"]


def test_a_slot_is_asked_for_once_and_the_next_one_again(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    working = scheduler(desk)
    for hours in (0, 4, 5, 6, 28, 29, 30):
        working.tick(EVENING + timedelta(hours=hours))
    assert slots(desk) == ["slot:training@2026-03-12T03:00Z", "slot:training@2026-03-13T03:00Z"]


@pytest.mark.parametrize(
    ("catch_up", "days"), [("latest", [15]), ("all", [12, 13, 14, 15]), ("none", [])]
)
def test_slots_missed_while_nothing_ran_are_caught_up_as_the_pipeline_says(
    desk: Desk, catch_up: str, days: list[int]
) -> None:
    desk.commit(pipeline=NIGHTLY.replace('* *"', f'* *", catch_up="{catch_up}"'))
    scheduler(desk).tick(EVENING)
    scheduler(desk).tick(EVENING + 4 * DAY)
    assert slots(desk) == [f"slot:training@2026-03-{day}T03:00Z" for day in days]


def test_of_the_latest_only_one_waits(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    working = scheduler(desk)
    for days in range(4):
        working.tick(EVENING + days * DAY)
    states = [r.state for r in reversed(desk.workspace.requests.list(ACTOR)) if r.kind == "slot"]
    assert states == ["dropped", "dropped", "waiting"]


def test_a_slot_before_the_schedule_was_known_or_changed_is_not_run(desk: Desk) -> None:
    working = scheduler(desk)
    working.tick(EVENING)
    desk.commit(pipeline=NIGHTLY)
    working.tick(EVENING + 2 * DAY)
    assert slots(desk) == []
    desk.commit(pipeline=NIGHTLY.replace("0 3", "0 4"))
    working.tick(EVENING + 4 * DAY)
    assert slots(desk) == []
    assert "pipeline training: its schedule is '0 4 * * *' from now on" in desk.told
    working.tick(EVENING + 5 * DAY)
    assert slots(desk) == ["slot:training@2026-03-16T04:00Z"]


def test_a_clock_that_went_back_repeats_no_slot_and_stops_none(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    working = scheduler(desk)
    for days in (0, 1, 0, 1, 2):
        working.tick(EVENING + days * DAY)
    assert slots(desk) == ["slot:training@2026-03-12T03:00Z", "slot:training@2026-03-13T03:00Z"]
    assert "pipeline training: the clock went back by 24 h; slots go on from here" in desk.told


def test_a_paused_pipeline_is_let_alone_and_the_pause_is_not_caught_up(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    working = scheduler(desk)
    working.tick(EVENING)
    desk.workspace.schedules.pause(desk.workspace.owner, "training", "the source is down")
    working.tick(EVENING + 2 * DAY)
    assert slots(desk) == []
    with clock.held_at(EVENING + 2 * DAY):
        desk.workspace.schedules.resume(desk.workspace.owner, "training")
    working.tick(EVENING + 2 * DAY)
    assert slots(desk) == []
    working.tick(EVENING + 3 * DAY)
    assert slots(desk) == ["slot:training@2026-03-14T03:00Z"]
    assert [e.type for e in desk.events("schedule.paused", "schedule.resumed")] == [
        "schedule.paused",
        "schedule.resumed",
    ]


def test_a_broken_file_is_told_once_and_stops_no_other_pipeline(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    broken = desk.root / "pipelines" / "broken.py"
    broken.write_text("import nothing_of_that_name\n")
    working = scheduler(desk)
    working.tick(EVENING)
    working.tick(EVENING + DAY)
    assert len([words for words in desk.told if "nothing_of_that_name" in words]) == 1
    assert slots(desk) == ["slot:training@2026-03-12T03:00Z"]
    broken.unlink()
    working.tick(EVENING + DAY)
    broken.write_text("import nothing_of_that_name\n")
    working.tick(EVENING + DAY)
    assert len([words for words in desk.told if "nothing_of_that_name" in words]) == 2


def test_an_error_in_one_duty_leaves_the_others(desk: Desk) -> None:
    desk.commit(pipeline=NIGHTLY)
    working = scheduler(desk)
    working._automation.pump = working._declared = None  # type: ignore[method-assign,assignment]
    desk.answer(1, [9], rows=5)
    working.tick(BREACH + DAY)
    working.tick(BREACH + 2 * DAY)
    assert evaluated(desk) == 2
    assert desk.told.count("TypeError: 'NoneType' object is not callable") == 1


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
    working = Scheduler(desk.workspace, desk.told.append)
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
    working = Scheduler(desk.workspace, desk.told.append, lease=timedelta(seconds=0.2))
    other = Lease(desk.workspace.state.database, "scheduler", 2 * DAY)
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
