"""The time: always UTC, always from here, so that a test can hold it still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_held: ContextVar[datetime | None] = ContextVar("trueup_clock", default=None)


def now() -> datetime:
    """The present moment in UTC."""
    return _held.get() or datetime.now(UTC)


@contextmanager
def held_at(moment: datetime) -> Iterator[None]:
    """Hold the clock at `moment` inside the block (tests only).

    Example:
        >>> with held_at(datetime(2026, 1, 1, tzinfo=UTC)):
        ...     now().year
        2026
    """
    token = _held.set(moment)
    try:
        yield
    finally:
        _held.reset(token)


def parse_moment(text: str) -> datetime:
    """An ISO 8601 moment; without an offset it is UTC.

    Raises:
        ValueError: The text is no ISO 8601 moment.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def microseconds(moment: datetime) -> int:
    """A moment as the database keeps it: microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


def at_microseconds(number: int) -> datetime:
    """The moment that the database keeps as `number`."""
    return datetime.fromtimestamp(number / 1_000_000, UTC)


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_duration(text: str) -> timedelta:
    """A length of time such as `500ms`, `30m`, `12h`, `7d` or `2w`.

    Raises:
        ValueError: The text is not a whole positive number and one of ms, s, m, h, d, w.

    Example:
        >>> parse_duration("7d").days
        7
    """
    number = text.rstrip("".join(_UNITS))
    unit = text[len(number) :]
    if unit not in _UNITS or not number.isdecimal() or int(number) == 0:
        raise ValueError(f"'{text}' is no duration: write a whole number and ms, s, m, h, d or w")
    return timedelta(seconds=int(number) * _UNITS[unit])
