"""What starts next, and what becomes of what was started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.runs.requests import rules
from trueup.lifecycle.runs.requests.records import RunRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def request(number: int, pipeline: str = "p", not_before: datetime | None = None) -> RunRequest:
    return RunRequest(
        id=f"r{number}",
        run=f"r{number}",
        pipeline=pipeline,
        kind="slot",
        cause=str(number),
        reason="",
        parameters={},
        partition="",
        asked_by="automation",
        asked_at=NOON,
        not_before=not_before,
    )


def test_the_oldest_starts_whose_pipeline_is_free() -> None:
    waiting = [request(1, "a"), request(2, "b"), request(3, "c")]
    assert rules.next_to_start(waiting, [], 2, NOON) == waiting[0]
    assert rules.next_to_start(waiting, [request(9, "a")], 2, NOON) == waiting[1]
    assert rules.next_to_start(waiting, [request(9, "a"), request(8, "z")], 2, NOON) is None
    assert rules.next_to_start([], [], 2, NOON) is None


def test_what_was_put_off_lets_others_pass() -> None:
    waiting = [request(1, "a", NOON + MINUTE), request(2, "b")]
    assert rules.next_to_start(waiting, [], 2, NOON) == waiting[1]
    assert rules.next_to_start(waiting, [], 2, NOON + MINUTE) == waiting[0]


@pytest.mark.parametrize(
    ("run", "is_alive", "attempts", "fate"),
    [
        (None, True, 1, "goes on"),
        ("running", True, 1, "goes on"),
        ("finished", True, 1, "goes on"),
        ("finished", False, 3, "finished"),
        ("failed", False, 1, "failed"),
        ("interrupted", False, 1, "failed"),
        (None, False, 1, "again"),
        ("lost", False, 2, "again"),
        ("running", False, 1, "again"),
        ("lost", False, 3, "given up"),
        (None, False, 3, "given up"),
    ],
)
def test_only_what_was_lost_is_started_again_and_not_for_ever(
    run: str | None, is_alive: bool, attempts: int, fate: str
) -> None:
    assert rules.fate(run, is_alive, attempts) == fate  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 600), min_size=1, max_size=20), st.integers(0, 900))
def test_events_are_waited_for_until_it_is_quiet_but_not_longer_than_promised(
    seconds: list[int], more: int
) -> None:
    moments = [NOON + timedelta(seconds=each) for each in seconds]
    now = max(moments) + timedelta(seconds=more)
    settled = rules.is_settled(moments, now)
    assert settled == (more >= 10 or now - min(moments) >= 5 * MINUTE)


@given(st.lists(st.integers(0, 120), max_size=30))
def test_events_ask_at_most_so_often_an_hour(minutes: list[int]) -> None:
    asked = [NOON - each * MINUTE for each in minutes]
    recent = sum(each < 60 for each in minutes)
    assert rules.room_for_events(asked, NOON) == (recent < rules.BY_EVENTS)
