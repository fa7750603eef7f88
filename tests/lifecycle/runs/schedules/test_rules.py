"""What a look at a schedule comes to, and the run that a slot asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trueup.lifecycle.pipeline.records import Partitions
from trueup.lifecycle.runs.schedules import rules, slots
from trueup.lifecycle.runs.schedules.records import Declared, Schedule

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NIGHTLY = Declared(pipeline="nightly", schedule="30 2 * * *", timezone="Europe/Paris")


def known(**facts: Any) -> Schedule:
    before: dict[str, Any] = {
        "pipeline": "nightly",
        "schedule": "30 2 * * *",
        "timezone": "Europe/Paris",
        "looked_at": NOON,
    }
    return Schedule(**before | facts)


def test_what_is_due_is_found_and_the_look_noted() -> None:
    seen = rules.look(NIGHTLY, known(), NOON + DAY, 0)
    assert seen == rules.Look([datetime(2026, 10, 25, 0, 30, tzinfo=UTC)], NOON + DAY)
    assert rules.look(NIGHTLY, known(looked_at=NOON + DAY), NOON + DAY, 0).due == []


def test_a_pause_and_a_full_queue_hold_it() -> None:
    for held in (
        rules.look(NIGHTLY, known(paused_at=NOON), NOON + DAY, 0),
        rules.look(NIGHTLY, known(), NOON + DAY, rules.MOST_WAITING),
    ):
        assert held == rules.Look([], NOON)


@pytest.mark.parametrize("changed", [{"schedule": "0 2 * * *"}, {"timezone": "UTC"}])
def test_another_schedule_begins_now(changed: dict[str, str]) -> None:
    seen = rules.look(NIGHTLY, known(**changed), NOON + DAY, 0)
    assert (seen.due, seen.looked_at) == ([], NOON + DAY)
    assert seen.note == "its schedule is '30 2 * * * Europe/Paris' from now on"


def test_clocks_of_a_network_may_differ_a_little() -> None:
    ahead = known(looked_at=NOON + timedelta(seconds=30))
    assert rules.look(NIGHTLY, ahead, NOON, 0) == rules.Look([], ahead.looked_at)
    far = rules.look(NIGHTLY, known(looked_at=NOON + 30 * DAY), NOON, 0)
    assert (far.looked_at, far.due) == (NOON, [])
    assert far.note == "the clock went back by 30 days; slots go on from here"


def test_a_slot_is_named_by_its_moment_and_told_in_its_zone() -> None:
    slot = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    wish = rules.wish(NIGHTLY, slot, slot + timedelta(seconds=3))
    assert wish.cause == "slot:nightly@2026-10-25T00:30Z"
    assert wish.reason == "schedule '30 2 * * * Europe/Paris': 2026-10-25 02:30 CEST"
    late = rules.wish(NIGHTLY, slot, slot + timedelta(hours=5))
    assert late.reason.endswith("02:30 CEST, 5 h late")


def test_the_doubled_hour_gives_two_slots_with_two_names() -> None:
    often = Declared(pipeline="often", schedule="*/30 * * * *", timezone="Europe/Paris")
    start = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    found = slots.due("*/30 * * * *", slots.zone("Europe/Paris"), "all", start, start + DAY / 8)
    names = [rules.wish(often, slot, slot).cause for slot in found]
    assert len(set(names)) == len(names) == 6
    assert [rules.wish(often, s, s).reason[-5:] for s in found[:3]] == [" CEST", "0 CET", "0 CET"]


@pytest.mark.parametrize(
    ("kind", "start", "partition"),
    [
        ("monthly", "2013-01", "2026-09"),
        ("daily", "2026-10-01", "2026-10-24"),
        ("hourly", "2026-10-24T05", "2026-10-24T23"),
        ("daily", "2026-10-25", ""),
    ],
)
def test_a_slot_is_for_the_newest_part_that_is_complete(
    kind: Any, start: str, partition: str
) -> None:
    parts = Partitions(kind=kind, start=start, timezone="Europe/Paris")
    declared = Declared(
        pipeline="nightly",
        schedule="30 2 * * *",
        timezone="Europe/Paris",
        partitions=parts,
    )
    slot = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert rules.wish(declared, slot, slot).partition == partition


def test_parts_with_names_have_no_newest_one() -> None:
    named = Partitions(kind="named", names=("north", "south"))
    declared = Declared(pipeline="nightly", schedule="30 2 * * *", partitions=named)
    assert rules.partition_at(declared, NOON) == ""
