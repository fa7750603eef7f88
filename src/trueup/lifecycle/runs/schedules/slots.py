"""Slots: the moments at which a cron expression is due in a time zone. Pure functions.

A slot is a UTC moment. Where a zone's clock is put forward or back, the rule is Debian cron's:

- An expression that names minute and hour (`30 2 * * *`) means a wall-clock time of a day: it comes
  once, at the first of two equal times, and right after the gap when its time is skipped.
- One with `*` first in its minute or hour (`*/10 * * * *`, `0 * * * *`) means an interval: it
  comes in each real minute whose wall-clock time fits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim

CatchUp = Literal["latest", "all", "none"]

# A slot seen this late was not missed: another scheduler may have had to take over first.
ON_TIME: Final = timedelta(minutes=5)
# At most so many slots of one schedule are asked for at once.
MOST: Final = 100

_MINUTE: Final = timedelta(minutes=1)
_PUT_BACK: Final = timedelta(hours=8)  # since 1975 no zone put its clock back further than seven
_FIRST_LOOK: Final = timedelta(hours=1)


def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC for an empty one.

    Raises:
        ValueError: There is no such zone.
    """
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # a folder, a name too long, or a path
        raise ValueError(f"there is no time zone '{name}'") from error


def between(expression: str, where: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The slots later than `after` and not later than `until`, in order."""
    fixed = not any(field.startswith("*") for field in expression.split()[:2])
    last = after
    for slot in _moments(expression, where, after, until, fixed):
        if slot > until:
            return
        if slot > last:
            yield slot
            last = slot


def following(expression: str, where: tzinfo, after: datetime, count: int) -> list[datetime]:
    """The next slots; fewer when they would come more than fifty years later."""
    horizon = after + timedelta(days=50 * 366)
    return list(islice(between(expression, where, after, horizon), count))


def newest(expression: str, where: tzinfo, after: datetime, until: datetime) -> datetime | None:
    """The last slot between two moments, found without walking through all of them."""
    reach = _FIRST_LOOK
    while True:
        since = max(after, until - reach)
        last = deque(between(expression, where, since, until), maxlen=1)
        if last or since == after:
            return last[0] if last else None
        reach *= 8


def due(
    expression: str, where: tzinfo, catch_up: CatchUp, after: datetime, now: datetime
) -> list[datetime]:
    """The slots to run, after those up to `after` were seen to.

    Args:
        expression: A cron expression.
        where: Its time zone.
        catch_up: Of the slots missed, which to run: the `latest`, `all` of them or `none`.
        after: The last moment that was looked at.
        now: The present moment.
    """
    if catch_up == "all":
        return list(islice(between(expression, where, after, now), MOST))
    if catch_up == "none":
        return list(islice(between(expression, where, max(after, now - ON_TIME), now), MOST))
    last = newest(expression, where, after, now)
    return [] if last is None else [last]


def _moments(
    expression: str, where: tzinfo, after: datetime, until: datetime, fixed: bool
) -> Iterator[datetime]:
    """Slots in order, some of them perhaps earlier than `after` or twice."""
    # cronsim looks at the wall clock alone here: which real moments its times are is our question.
    begin = after.astimezone(where).replace(tzinfo=None) - _PUT_BACK
    end = until.astimezone(where).replace(tzinfo=None) + _PUT_BACK
    second_time: deque[datetime] = deque()
    for wall in CronSim(expression, begin):
        if wall > end:
            break
        moments = _of_wall(wall, where, fixed)
        if not moments:
            continue
        while second_time and second_time[0] <= moments[0]:
            yield second_time.popleft()
        yield moments[0]
        second_time.extend(moments[1:])
    yield from second_time


def _of_wall(wall: datetime, where: tzinfo, fixed: bool) -> list[datetime]:
    """The moments at which the clock on the wall shows this time."""
    found = []
    for fold in (0, 1):
        moment = wall.replace(tzinfo=where, fold=fold).astimezone(UTC)
        if moment.astimezone(where).replace(tzinfo=None) == wall:
            found.append(moment)
    if fixed and not found:
        return [_after_gap(wall, where)]
    return sorted(set(found))[: 1 if fixed else 2]


def _after_gap(wall: datetime, where: tzinfo) -> datetime:
    """The first real minute after the gap that swallowed this time of the wall clock."""
    later = wall
    while True:
        later += _MINUTE
        moment = later.replace(tzinfo=where).astimezone(UTC)
        if moment.astimezone(where).replace(tzinfo=None) == later:
            return moment
