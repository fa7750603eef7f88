"""When releases may start and go on. Rollbacks and stops are never asked this. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from trueup.foundation.records import Record

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d:\d\d)-(\d\d:\d\d)")
_MOST_TURNS: Final = 1000  # freezes and hours that may follow each other without a gap


class Freeze(Record):
    """A time in which no release starts or goes on.

    Attributes:
        begins: The first moment, such as `2026-12-20` or `2026-12-20T18:00`, in the zone.
        ends: The moment from which releases go on.
        why: The reason, for those who wait.
    """

    begins: str
    ends: str
    why: str = ""


class Calendar(Record):
    """When releases may start and go on.

    Attributes:
        zone: Time zone of all that is said here.
        hours: When they may, such as `mon-fri 09:00-16:00`; without any, always.
        freezes: When they may not.
    """

    zone: str = "UTC"
    hours: tuple[str, ...] = ()
    freezes: tuple[Freeze, ...] = ()


def opens(calendar: Calendar, at: datetime) -> datetime | None:
    """When a release that cannot go on now can; None when it can now.

    Example:
        >>> weekdays = Calendar(hours=("mon-fri 09:00-16:00",))
        >>> opens(weekdays, datetime(2026, 11, 21, 12, tzinfo=UTC)).isoformat()
        '2026-11-23T09:00:00+00:00'
    """
    moment = at
    for _ in range(_MOST_TURNS):
        later = _after_freezes(calendar, moment)
        later = _inside_hours(calendar, later)
        if later == moment:
            return None if moment == at else moment
        moment = later
    return moment


def reason(calendar: Calendar, at: datetime) -> str:
    """Why a release waits at this moment, in words."""
    for freeze in calendar.freezes:
        begins, ends = _span(calendar, freeze)
        if begins <= at < ends:
            return f"changes are frozen until {freeze.ends}" + (
                f": {freeze.why}" * bool(freeze.why)
            )
    return f"the hours are {', '.join(calendar.hours)} ({calendar.zone})"


def problems(calendar: Calendar) -> Iterator[str]:
    """What is wrong with a calendar."""
    try:
        _zone(calendar)
    except (KeyError, ValueError, OSError):  # zoneinfo's own error is a KeyError
        yield f"zone '{calendar.zone}', which is no time zone such as Europe/Berlin"
        return
    for text in calendar.hours:
        try:
            _parsed(text)
        except ValueError:
            yield f"hours '{text}'; write them as mon-fri 09:00-16:00"
    for freeze in calendar.freezes:
        try:
            begins, ends = _span(calendar, freeze)
        except ValueError:
            yield f"a freeze from '{freeze.begins}' to '{freeze.ends}'; write 2026-12-20"
            continue
        if begins >= ends:
            yield f"a freeze that ends at {freeze.ends}, before it begins at {freeze.begins}"


def _zone(calendar: Calendar) -> tzinfo:
    if calendar.zone == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # not for every command that reads a plan

    return ZoneInfo(calendar.zone)


def _after_freezes(calendar: Calendar, moment: datetime) -> datetime:
    for freeze in calendar.freezes:
        begins, ends = _span(calendar, freeze)
        if begins <= moment < ends:
            return ends
    return moment


def _inside_hours(calendar: Calendar, moment: datetime) -> datetime:
    spans = sorted(_spans(calendar, moment))
    if not spans or any(begins <= moment < ends for begins, ends in spans):
        return moment
    return next(begins for begins, _ in spans if begins > moment)


def _spans(calendar: Calendar, around: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The open hours from the day before a moment to a week after it."""
    zone = _zone(calendar)
    today = around.astimezone(zone).date()
    for text in calendar.hours:
        days, begins, ends = _parsed(text)
        for offset in range(-1, 9):
            day = today + timedelta(days=offset)
            if day.weekday() in days:
                last = day if ends > begins else day + timedelta(days=1)
                yield (
                    datetime.combine(day, begins, zone).astimezone(UTC),
                    datetime.combine(last, ends, zone).astimezone(UTC),
                )


def _parsed(text: str) -> tuple[frozenset[int], time, time]:
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first, last, begins, ends = found.groups()
    low, high = _DAYS.index(first), _DAYS.index(last or first)
    length = (high - low) % 7 + 1
    days = frozenset((low + step) % 7 for step in range(length))
    return days, time.fromisoformat(begins), time.fromisoformat(ends)


def _span(calendar: Calendar, freeze: Freeze) -> tuple[datetime, datetime]:
    zone = _zone(calendar)
    begins, ends = (datetime.fromisoformat(text) for text in (freeze.begins, freeze.ends))
    return tuple(  # type: ignore[return-value]
        (each if each.tzinfo else each.replace(tzinfo=zone)).astimezone(UTC)
        for each in (begins, ends)
    )
