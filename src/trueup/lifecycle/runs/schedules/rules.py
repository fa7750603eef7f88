"""Decisions about schedules: which slots to ask runs for now. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from trueup.lifecycle.pipeline import partitioning
from trueup.lifecycle.runs.requests.records import Wish
from trueup.lifecycle.runs.schedules import slots
from trueup.lifecycle.runs.schedules.records import Declared, Schedule

# Clocks of a network differ by less; more than this was put back by somebody.
DRIFT: Final = timedelta(minutes=1)
# With so many slots waiting nothing is gained by asking for more.
MOST_WAITING: Final = slots.MOST


class Look(NamedTuple):
    """What a look at a schedule comes to."""

    due: list[datetime]
    looked_at: datetime
    note: str = ""


def look(declared: Declared, known: Schedule, now: datetime, waiting: int) -> Look:
    """Which slots are due, and up to where they were looked at then.

    Args:
        declared: What the pipeline's decorator says.
        known: What was noted at the look before.
        now: The present moment.
        waiting: How many of its slots already wait.
    """
    if (declared.schedule, declared.timezone) != (known.schedule, known.timezone):
        return Look([], now, f"its schedule is '{described(declared)}' from now on")
    if known.looked_at > now:
        back = known.looked_at - now
        if back <= DRIFT:
            return Look([], known.looked_at)
        return Look([], now, f"the clock went back by {_rounded(back)}; slots go on from here")
    if not declared.schedule or known.paused_at is not None or waiting >= MOST_WAITING:
        return Look([], known.looked_at)
    where = slots.zone(declared.timezone)
    due = slots.due(declared.schedule, where, declared.catch_up, known.looked_at, now)
    if len(due) == slots.MOST:  # there may be more: they come at the next look
        return Look(due, due[-1])
    return Look(due, now)


def missed(declared: Declared, known: Schedule | None, now: datetime) -> list[datetime]:
    """The slots that nobody has seen to in time, the first ones: no scheduler looks at them."""
    if known is None or not declared.schedule or known.paused_at is not None:
        return []
    where = slots.zone(declared.timezone)
    late = slots.between(declared.schedule, where, known.looked_at, now - slots.ON_TIME)
    return list(islice(late, slots.MOST))


def wish(declared: Declared, slot: datetime, now: datetime) -> Wish:
    """The run that a slot asks for."""
    where = slots.zone(declared.timezone)
    late = now - slot
    reason = f"schedule '{described(declared)}': {slot.astimezone(where):%Y-%m-%d %H:%M %Z}"
    if late > slots.ON_TIME:
        reason += f", {_rounded(late)} late"
    return Wish(
        pipeline=declared.pipeline,
        kind="slot",
        cause=f"slot:{declared.pipeline}@{slot:%Y-%m-%dT%H:%MZ}",
        reason=reason,
        partition=partition_at(declared, slot),
    )


def partition_at(declared: Declared, slot: datetime) -> str:
    """The newest part of the data that is complete at a slot; empty without partitions by time."""
    if declared.partitions is None or declared.partitions.kind == "named":
        return ""
    complete = partitioning.until(declared.partitions, slot)
    return complete[-1] if complete else ""


def described(declared: Declared) -> str:
    """A schedule with its zone, as one writes it down."""
    zone = "" if declared.timezone in ("", "UTC") else f" {declared.timezone}"
    return f"{declared.schedule}{zone}" if declared.schedule else "none"


def _rounded(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
