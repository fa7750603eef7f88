"""Time is UTC, can be held still, and is written in a few plain forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation import clock
from trueup.foundation.identifiers import short_id, time_ordered_id

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def test_now_is_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_a_held_clock_goes_on_afterwards() -> None:
    with clock.held_at(NEW_YEAR):
        assert clock.now() == NEW_YEAR
        with clock.held_at(NEW_YEAR + timedelta(days=1)):
            assert clock.now().day == 2
        assert clock.now() == NEW_YEAR
    assert clock.now() != NEW_YEAR


@given(st.integers(1, 10_000), st.sampled_from("smhdw"))
def test_durations_are_a_number_and_a_unit(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
    assert clock.parse_duration(f"{number}{unit}").total_seconds() == number * seconds


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5h", "1 d", "7days", "²d"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        clock.parse_duration(text)


def test_a_moment_without_an_offset_is_utc() -> None:
    assert clock.parse_moment("2026-01-01") == NEW_YEAR
    assert clock.parse_moment("2026-01-01T02:00+02:00") == NEW_YEAR
    assert clock.parse_moment("2026-01-01T00:00:00Z").tzinfo is UTC


def test_prediction_identifiers_sort_by_time() -> None:
    ids = [time_ordered_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert {each.version for each in ids} == {7}
    stamps = [each.int >> 80 for each in ids]
    assert stamps == sorted(stamps)


def test_short_identifiers_can_be_read_aloud() -> None:
    ids = {short_id() for _ in range(500)}
    assert len(ids) == 500
    assert set("".join(ids)).isdisjoint("ilou")
