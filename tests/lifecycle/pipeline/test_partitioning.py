"""Partitions: which there are, when they begin and end, what a range names."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import partitioning
from trueup.lifecycle.pipeline.records import Partitions

STARTS = {
    "monthly": "2013-01",
    "weekly": "2013-W01",
    "daily": "2013-01-01",
    "hourly": "2013-01-01T00",
}
MOMENTS = st.datetimes(dt.datetime(2013, 1, 2), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC))
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe"])


def cut(kind: Any, timezone: str = "UTC") -> Partitions:
    return Partitions(kind=kind, start=STARTS[kind], timezone=timezone)


@given(st.sampled_from(sorted(STARTS)), ZONES, MOMENTS)
def test_every_moment_lies_in_the_window_of_its_partition(
    kind: str, timezone: str, at: dt.datetime
) -> None:
    of = cut(kind, timezone)
    key = partitioning.key_of(of, at)
    begin, end = partitioning.window(of, key)
    assert begin <= at < end
    assert partitioning.key_of(of, begin) == key
    assert partitioning.key_of(of, end) > key


@given(st.sampled_from(["monthly", "weekly"]), ZONES, MOMENTS)
def test_the_partitions_until_a_moment_are_whole_and_without_gaps(
    kind: str, timezone: str, now: dt.datetime
) -> None:
    of = cut(kind, timezone)
    keys = partitioning.until(of, now)
    windows = [partitioning.window(of, key) for key in keys]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(windows))
    assert all(end <= now for _, end in windows)
    assert partitioning.key_of(of, now) not in keys


def test_a_day_of_the_clock_change_has_23_hours() -> None:
    of = cut("daily", "Europe/Paris")
    begin, end = partitioning.window(of, "2013-03-31")
    assert (end.astimezone(dt.UTC) - begin.astimezone(dt.UTC)) == dt.timedelta(hours=23)


@pytest.mark.parametrize(
    ("kind", "text", "keys"),
    [
        ("monthly", "2013-04", ["2013-04"]),
        ("monthly", "2013-11..2014-01", ["2013-11", "2013-12", "2014-01"]),
        ("daily", "2013-02-27..2013-03-01", ["2013-02-27", "2013-02-28", "2013-03-01"]),
        ("weekly", "2015-W52..2016-W01", ["2015-W52", "2015-W53", "2016-W01"]),
        ("hourly", "2013-04-01T23..2013-04-02T00", ["2013-04-01T23", "2013-04-02T00"]),
        ("monthly", "2013-05, 2013-04,2013-05", ["2013-04", "2013-05"]),
    ],
)
def test_a_text_names_partitions(kind: str, text: str, keys: list[str]) -> None:
    assert partitioning.parse(cut(kind), text) == keys


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("monthly", "2013-13", "write monthly partitions as 2013-04"),
        ("monthly", "2012-12", "the first one is 2013-01"),
        ("monthly", "2013-05..2013-04", "write the earlier one first: 2013-04..2013-05"),
        ("monthly", "2013-05..", "write monthly"),
        ("monthly", " , ", "--partition 2013-01"),
        ("weekly", "2014-W53", "write weekly"),
        ("daily", "2013-4-1", "write daily"),
        ("hourly", "2013-04-01T05:30", "write hourly"),
        ("hourly", "2013-01-01T00..9999-12-31T23", "at most"),
    ],
)
def test_a_text_that_names_none_is_refused(kind: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        partitioning.parse(cut(kind), text)
    assert caught.value.code == "partition-unknown"


def test_named_partitions_keep_their_order() -> None:
    of = Partitions(kind="named", names=("north", "south", "east"))
    assert partitioning.parse(of, "east,north") == ["north", "east"]
    assert partitioning.parse(of, "south..east") == ["south", "east"]
    assert partitioning.until(of, dt.datetime(2013, 1, 1, tzinfo=dt.UTC)) == list(of.names)
    with pytest.raises(UsageError, match="Did you mean 'north'"):
        partitioning.parse(of, "norht")
    with pytest.raises(UsageError, match="write the earlier one first"):
        partitioning.parse(of, "east..north")
