"""Slots are right in every zone, on the days with a missing or a doubled hour, and on leap days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.runs.schedules import slots

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def seen(expression: str, zone: str, after: str, until: str) -> list[str]:
    """The slots of an interval, as UTC."""
    found = slots.between(expression, slots.zone(zone), at(after), at(until))
    return [f"{slot:%m-%d %H:%M}" for slot in found]


# --- the missing hour (spring) and the doubled hour (autumn)


@pytest.mark.parametrize(
    ("zone", "day", "before", "moved"),
    [
        ("Europe/Paris", "2026-03-29", "03-28 01:30", "03-29 01:00"),
        ("America/New_York", "2026-03-08", "03-07 07:30", "03-08 07:00"),
    ],
)
def test_a_time_that_the_clock_skips_comes_right_after_the_gap(
    zone: str, day: str, before: str, moved: str
) -> None:
    start = f"{datetime.fromisoformat(day) - timedelta(days=1):%Y-%m-%d}"
    assert seen("30 2 * * *", zone, start, f"{day}T12:00") == [before, moved]
    assert seen("0,30 2 * * *", zone, day, f"{day}T12:00") == [moved]
    assert seen("*/30 2 * * *", zone, day, f"{day}T12:00") == []


@pytest.mark.parametrize(
    ("zone", "day", "first", "second"),
    [
        ("Europe/Paris", "2026-10-25", "10-25 00:30", "10-25 01:30"),
        ("America/New_York", "2026-11-01", "11-01 05:30", "11-01 06:30"),
    ],
)
def test_a_time_that_comes_twice_counts_once_and_an_interval_goes_on(
    zone: str, day: str, first: str, second: str
) -> None:
    hour = 2 if zone == "Europe/Paris" else 1
    assert seen(f"30 {hour} * * *", zone, day, f"{day}T12:00") == [first]
    halves = [s for s in seen(f"*/30 {hour} * * *", zone, day, f"{day}T12:00") if s[-2:] == "30"]
    assert halves == [first, second]
    hourly = seen("30 * * * *", zone, day, f"{day}T12:00")
    assert len(hourly) == 12
    assert [first, second] == [slot for slot in hourly if slot in (first, second)]


def test_looking_in_the_middle_of_the_doubled_hour_repeats_nothing() -> None:
    assert seen("30 2 * * *", "Europe/Paris", "2026-10-25T00:40", "2026-10-25T02:00") == []
    assert seen("*/30 * * * *", "Europe/Paris", "2026-10-25T00:40", "2026-10-25T02:00") == [
        "10-25 01:00",
        "10-25 01:30",
        "10-25 02:00",
    ]


def test_a_leap_day_comes_in_leap_years() -> None:
    days = slots.following("0 6 29 2 *", slots.zone("Europe/Paris"), at("2026-11-22"), 2)
    assert days == [at("2028-02-29T05:00"), at("2032-02-29T05:00")]


def test_a_schedule_without_a_zone_is_in_utc_and_no_place_is_an_error() -> None:
    assert slots.zone("") is UTC
    for name in ("Europe/Pariss", "../../etc/passwd", "Europe", "x" * 5000):
        with pytest.raises(ValueError, match="there is no time zone"):
            slots.zone(name)


# --- which of the missed ones to run


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("latest", ["03"]), ("all", ["01", "02", "03"]), ("none", [])],
)
def test_after_an_outage_the_policy_decides(catch_up: slots.CatchUp, expected: list[str]) -> None:
    found = slots.due("0 3 * * *", UTC, catch_up, at("2026-02-28T12:00"), at("2026-03-03T12:00"))
    assert [f"{slot:%d}" for slot in found] == expected


@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
def test_a_slot_that_was_just_reached_is_run_under_every_policy(catch_up: slots.CatchUp) -> None:
    found = slots.due("0 3 * * *", UTC, catch_up, at("2026-03-02T12:00"), at("2026-03-03T03:04"))
    assert found == [at("2026-03-03T03:00")]
    assert slots.due("0 3 * * *", UTC, catch_up, found[0], at("2026-03-03T03:04")) == []


def test_all_that_were_missed_come_in_portions() -> None:
    start, now = at("2026-01-01"), at("2026-01-02")
    first = slots.due("* * * * *", UTC, "all", start, now)
    assert (len(first), first[-1]) == (slots.MOST, start + slots.MOST * MINUTE)
    assert slots.due("* * * * *", UTC, "all", first[-1], now)[0] == first[-1] + MINUTE


# --- against brute force

ZONES = (
    *("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
    *("Africa/Cairo", "America/St_Johns", "Antarctica/Troll", "Pacific/Apia", "Asia/Kathmandu"),
)
# Moments around which clocks were put forward or back, and some ordinary ones.
NEAR = tuple(
    map(
        at,
        (
            *("2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00"),
            *("2026-04-04T15:00", "2026-10-03T15:30", "2026-04-23T22:00", "2026-10-29T21:00"),
            *("2011-12-30T10:00", "2024-02-28T23:00", "2026-06-15T12:00", "2026-12-31T23:00"),
        ),
    )
)


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    number = st.integers(low, high)
    kind = draw(st.sampled_from(["one", "one", "some", "range", "every", "star", "star"]))
    match kind:
        case "one":
            return str(draw(number))
        case "some":
            return ",".join(str(n) for n in draw(st.lists(number, min_size=2, max_size=3)))
        case "range":
            first, last = sorted((draw(number), draw(number)))
            return f"{first}-{last}"
        case "every":
            return f"*/{draw(st.integers(1, max(2, high // 2)))}"
    return "*"


EXPRESSIONS = st.builds(
    lambda *parts: " ".join(parts),
    fields(0, 59),
    fields(0, 4),
    st.sampled_from(["*", "*", "*", "29", "L", "25,29,30,31"]),
    st.sampled_from(["*", "*", "*", "3-4", "10"]),
    st.sampled_from(["*", "*", "*", "SUN", "1-5"]),
)


def by_brute_force(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """Every minute is asked whether it is due, by the words of the rule."""
    where = slots.zone(zone)
    fixed = not any(field.startswith("*") for field in expression.split()[:2])

    def fits(wall: datetime) -> bool:
        return next(CronSim(expression, wall - timedelta(seconds=1)), None) == wall

    found = []
    before = after
    for number in range(1, int((until - after) / MINUTE) + 1):
        moment = after + number * MINUTE
        local, earlier = (m.astimezone(where) for m in (moment, before))
        wall, last = local.replace(tzinfo=None, fold=0), earlier.replace(tzinfo=None, fold=0)
        is_due = fits(wall) and not (fixed and local.fold)
        if fixed and wall - last > MINUTE:  # the clock was put forward: the gap counts here
            skipped = (last + n * MINUTE for n in range(1, int((wall - last) / MINUTE)))
            is_due = is_due or any(map(fits, skipped))
        if is_due:
            found.append(moment)
        before = moment
    return found


@given(
    expression=EXPRESSIONS,
    zone=st.sampled_from(ZONES),
    near=st.sampled_from(NEAR),
    back=st.integers(0, 200),
    length=st.integers(1, 400),
    cut=st.integers(0, 400),
)
def test_slots_are_the_minutes_that_fit_and_looking_twice_changes_nothing(
    expression: str, zone: str, near: datetime, back: int, length: int, cut: int
) -> None:
    where, after = slots.zone(zone), near - back * MINUTE
    until, between = after + length * MINUTE, after + min(cut, length) * MINUTE
    found = list(slots.between(expression, where, after, until))
    assert found == by_brute_force(expression, zone, after, until)
    halves = (
        *slots.between(expression, where, after, between),
        *slots.between(expression, where, between, until),
    )
    assert list(halves) == found
    assert slots.newest(expression, where, after, until) == (found[-1] if found else None)
    assert slots.following(expression, where, after, 2)[: len(found)] == list(islice(found, 2))
