"""Runs tell the truth: silence beyond the lease is `lost`, and a late word revives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.tracking.records import Point
from trueup.lifecycle.runs.tracking.service import Tracking
from trueup.state import eventlog
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")

SAM = Actor(name="sam")
NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def tracking(state: State) -> Tracking:
    return Tracking(state)


def started(tracking: Tracking, lease: int = 60_000) -> str:
    with clock.held_at(NOON):
        return tracking.start(SAM, lease=lease).id


def at(moment: datetime, tracking: Tracking) -> int:
    with clock.held_at(moment):
        return tracking.mark_lost(SAM)


def test_a_silent_run_is_lost_since_its_last_word(tracking: Tracking) -> None:
    run_id = started(tracking)
    assert at(NOON + timedelta(seconds=59), tracking) == 0
    assert at(NOON + HOUR, tracking) == 1
    run = tracking.show(SAM, run_id)
    assert run.state == "lost"
    assert run.ended_at == NOON.timestamp() * 1000
    assert at(NOON + 2 * HOUR, tracking) == 0


def test_any_word_renews_the_lease(tracking: Tracking) -> None:
    run_id = started(tracking)
    with clock.held_at(NOON + timedelta(seconds=50)):
        tracking.log(SAM, run_id, tags={"still": "here"})
    assert at(NOON + timedelta(seconds=100), tracking) == 0
    assert at(NOON + timedelta(seconds=120), tracking) == 1


def test_a_late_word_revives(tracking: Tracking, state: State) -> None:
    run_id = started(tracking)
    at(NOON + HOUR, tracking)
    tracking.log(SAM, run_id, metrics=[Point("loss", 1.0, 0, 0)])
    run = tracking.show(SAM, run_id)
    assert (run.state, run.ended_at) == ("running", None)
    with state.read(SAM) as connection:
        types = [event.type for event in eventlog.latest(connection, 3)]
    assert types == ["tracked-run.revived", "tracked-run.lost", "tracked-run.started"]


def test_a_run_that_ended_is_never_lost(tracking: Tracking) -> None:
    run_id = started(tracking)
    tracking.change(SAM, run_id, state="finished", ended_at=1)
    assert at(NOON + 99 * HOUR, tracking) == 0
    assert tracking.show(SAM, run_id).state == "finished"


def test_a_lost_run_that_says_how_it_ended_is_believed(tracking: Tracking) -> None:
    run_id = started(tracking)
    at(NOON + HOUR, tracking)
    tracking.change(SAM, run_id, state="failed", ended_at=5)
    assert tracking.show(SAM, run_id).state == "failed"
