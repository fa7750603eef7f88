"""When releases may go on: hours, freezes, time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.plan.calendars import Calendar, Freeze, opens, problems, reason

WEEKDAYS = Calendar(zone="Europe/Berlin", hours=("mon-fri 09:00-16:00",))
YEAR_END = Freeze(begins="2026-12-20", ends="2027-01-04", why="year end")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("2026-11-20T08:00", None),  # Friday 09:00 in Berlin
        ("2026-11-20T07:59", "2026-11-20T08:00"),
        ("2026-11-20T15:00", "2026-11-23T08:00"),  # 16:00: until Monday
        ("2026-03-28T12:00", "2026-03-30T07:00"),  # summer time began on Sunday
    ],
)
def test_hours_are_those_of_the_zone(now: str, opened: str | None) -> None:
    assert opens(WEEKDAYS, at(now)) == (at(opened) if opened else None)


def test_a_freeze_ends_within_the_hours() -> None:
    calendar = Calendar(hours=("mon-fri 09:00-16:00",), freezes=(YEAR_END,))
    assert opens(calendar, at("2026-12-24T10:00")) == at("2027-01-04T09:00")
    assert reason(calendar, at("2026-12-24T10:00")).endswith("2027-01-04: year end")


def test_hours_may_pass_midnight() -> None:
    nights = Calendar(hours=("sat 22:00-02:00",))
    assert opens(nights, at("2026-11-22T01:59")) is None
    assert opens(nights, at("2026-11-22T02:00")) == at("2026-11-28T22:00")


def test_without_a_word_it_is_always_open() -> None:
    assert opens(Calendar(), at("2026-12-24T10:00")) is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)))
def test_what_waits_waits_for_a_moment_that_is_open(moment: datetime) -> None:
    calendar = Calendar(zone="Europe/Berlin", hours=WEEKDAYS.hours, freezes=(YEAR_END,))
    opened = opens(calendar, moment.replace(tzinfo=UTC))
    if opened is not None:
        assert opened > moment.replace(tzinfo=UTC)
        assert opens(calendar, opened) is None
        assert opens(calendar, opened - timedelta(microseconds=1)) == opened


@pytest.mark.parametrize(
    ("calendar", "named"),
    [
        (Calendar(zone="Mars"), "Mars"),
        (Calendar(hours=("weekdays 9-16",)), "mon-fri 09:00-16:00"),
        (Calendar(hours=("mon-xyz 09:00-16:00",)), "mon-xyz"),
        (Calendar(freezes=(Freeze(begins="Christmas", ends="2027-01-04"),)), "Christmas"),
        (Calendar(freezes=(Freeze(begins="2027-01-04", ends="2026-12-20"),)), "before"),
    ],
)
def test_what_is_wrong_is_named(calendar: Calendar, named: str) -> None:
    (problem,) = problems(calendar)
    assert named in problem
