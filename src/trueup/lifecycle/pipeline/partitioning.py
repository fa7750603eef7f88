"""Partitions: the months, weeks, days or hours that a pipeline runs for, or names of its own.

Pure functions: what `partitions=` means, which keys there are, what `2013-04..2013-12` names.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from trueup.foundation.errors import UsageError
from trueup.foundation.references import check_name
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.pipeline.records import Partitions, Place

PARAMETER: Final = "partition"
RANGE: Final = ".."
MOST: Final = 100_000
_EXAMPLES: Final = {
    "monthly": "2013-04",
    "weekly": "2013-W14",
    "daily": "2013-04-01",
    "hourly": "2013-04-01T05",
}
_SHAPES: Final = {
    "monthly": re.compile(r"\d{4}-\d\d"),
    "weekly": re.compile(r"\d{4}-W\d\d"),
    "daily": re.compile(r"\d{4}-\d\d-\d\d"),
    "hourly": re.compile(r"\d{4}-\d\d-\d\dT\d\d"),
}


def read(
    asked: str | Sequence[str],
    start: str,
    parameters: Collection[str],
    timezone: str,
    at: Place,
) -> Partitions | None:
    """The partitions that `@pipeline(partitions=…, start=…)` asks for.

    Raises:
        UsageError: There is no such kind, `start` is no partition of it, or the function does not
            take the parameter `partition`.
    """
    if not asked:
        if start:
            raise _wrong(at, "start is given without partitions", 'partitions="monthly"')
        return None
    if PARAMETER not in parameters:
        raise _wrong(at, f"the function has no parameter '{PARAMETER}'", "partition: str")
    if isinstance(asked, str):
        if asked not in _EXAMPLES:
            near = did_you_mean(asked, _EXAMPLES)
            raise _wrong(
                at,
                f"'{asked}' is no kind of partitions ({', '.join(_EXAMPLES)}).{near}".rstrip("."),
                'partitions="monthly"',
            )
        if not start:
            raise _wrong(at, "start is missing", f'start="{_EXAMPLES[asked]}"')
        found = Partitions(kind=asked, start=start, timezone=timezone)  # type: ignore[arg-type]
        moment(found, start)
        return found
    names = tuple(check_name(name, "partition") for name in asked)
    if len(set(names)) != len(names):
        raise _wrong(at, "a name is there twice", "each name once")
    if start:
        raise _wrong(at, "names have no start", "leave start out")
    return Partitions(kind="named", names=names)


def moment(of: Partitions, key: str) -> dt.datetime:
    """When a partition begins, in its time zone.

    Raises:
        UsageError: The text names none.

    Example:
        >>> print(moment(Partitions(kind="weekly", start="2013-W01"), "2013-W14"))
        2013-04-01 00:00:00+00:00
    """
    try:
        if not _SHAPES[of.kind].fullmatch(key):
            raise ValueError
        if of.kind == "monthly":
            local = dt.datetime.strptime(key, "%Y-%m")
        elif of.kind == "weekly":
            day = dt.date.fromisocalendar(int(key[:4]), int(key[-2:]), 1)
            local = dt.datetime.combine(day, dt.time())
        else:
            local = dt.datetime.fromisoformat(key if of.kind == "daily" else f"{key}:00")
    except ValueError:
        raise _unknown(of, key, f"write {of.kind} partitions as {_EXAMPLES[of.kind]}") from None
    return local.replace(tzinfo=_zone(of))


def key_of(of: Partitions, at: dt.datetime) -> str:
    """The partition that a moment belongs to.

    Example:
        >>> key_of(Partitions(kind="daily"), dt.datetime(2013, 4, 1, 23, 59, tzinfo=dt.UTC))
        '2013-04-01'
    """
    local = at.astimezone(_zone(of))
    if of.kind == "weekly":
        year, week, _day = local.isocalendar()
        return f"{year:04}-W{week:02}"
    shape = {"monthly": "%Y-%m", "daily": "%Y-%m-%d", "hourly": "%Y-%m-%dT%H"}[of.kind]
    return local.strftime(shape)


def window(of: Partitions, key: str) -> tuple[dt.datetime, dt.datetime]:
    """When a partition begins and when it ends; the end belongs to the next one.

    Raises:
        UsageError: The text names none.

    Example:
        >>> first, last = window(Partitions(kind="monthly"), "2013-02")
        >>> (last - first).days
        28
    """
    begin = moment(of, key)
    return begin, _next(of, begin)


def until(of: Partitions, now: dt.datetime) -> list[str]:
    """Every partition that has ended by `now`, the oldest first; all names for named ones.

    Example:
        >>> monthly = Partitions(kind="monthly", start="2013-11")
        >>> until(monthly, dt.datetime(2014, 2, 14, tzinfo=dt.UTC))
        ['2013-11', '2013-12', '2014-01']
    """
    if of.kind == "named":
        return list(of.names)
    found: list[str] = []
    for begin in _from(of, moment(of, of.start)):
        if _next(of, begin) > now or len(found) >= MOST:
            return found
        found.append(key_of(of, begin))
    return found


def parse(of: Partitions, text: str) -> list[str]:
    """The partitions that a person names: `2013-04`, `2013-04..2013-12`, or several with commas.

    Raises:
        UsageError: One is unknown, lies before the start, or a range runs backwards.

    Example:
        >>> parse(Partitions(kind="monthly", start="2013-01"), "2013-11..2014-01,2013-02")
        ['2013-02', '2013-11', '2013-12', '2014-01']
    """
    chosen: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dots, last = part.partition(RANGE)
        chosen += _range(of, first, last) if dots else [_known(of, part)]
    if not chosen:
        raise _unknown(of, text, f"write for example --partition {example(of)}")
    return sorted(set(chosen), key=of.names.index if of.kind == "named" else None)


def example(of: Partitions) -> str:
    """A partition to show in a message."""
    return of.names[0] if of.kind == "named" else of.start


def _range(of: Partitions, first: str, last: str) -> list[str]:
    _known(of, first)
    _known(of, last)
    if of.kind == "named":
        begin, end = of.names.index(first), of.names.index(last)
        found = list(of.names[begin : end + 1])
    else:
        end_at = moment(of, last)
        found = []
        for begin_at in _from(of, moment(of, first)):
            if begin_at > end_at:
                break
            found.append(key_of(of, begin_at))
            if len(found) > MOST:
                raise _unknown(of, f"{first}..{last}", f"name at most {MOST:,} partitions")
    if not found:
        raise _unknown(of, f"{first}..{last}", f"write the earlier one first: {last}..{first}")
    return found


def _known(of: Partitions, key: str) -> str:
    if of.kind == "named":
        if key not in of.names:
            raise _unknown(of, key, f"there are: {listing(of.names)}.{did_you_mean(key, of.names)}")
    elif moment(of, key) < moment(of, of.start):
        raise _unknown(of, key, f"the first one is {of.start}")
    return key


def _from(of: Partitions, begin: dt.datetime) -> Iterator[dt.datetime]:
    while True:
        yield begin
        begin = _next(of, begin)


def _zone(of: Partitions) -> dt.tzinfo:
    """Hours are those of UTC, where none comes twice or is missing."""
    if of.kind == "hourly":
        return dt.UTC
    from zoneinfo import ZoneInfo  # here: few pipelines have partitions

    return ZoneInfo(of.timezone)


def _next(of: Partitions, begin: dt.datetime) -> dt.datetime:
    if of.kind == "hourly":
        return begin + dt.timedelta(hours=1)
    if of.kind == "monthly":
        return (begin.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return begin + dt.timedelta(days=7 if of.kind == "weekly" else 1)


def _unknown(of: Partitions, text: str, why: str) -> UsageError:
    return UsageError(
        "partition-unknown",
        f"'{text}' names no partition: {why.rstrip('.')}.",
        hint=f"--partition {example(of)}",
        context={"partition": text},
    )


def _wrong(at: Place, what: str, write: Any) -> UsageError:
    return UsageError(
        "pipeline-option",
        f"{at}: @pipeline(partitions=…): {what}.",
        hint=f"write: {write}",
        context={"file": at.file, "line": at.line},
    )
