"""Words that pages, commands, reports and messages share: figures, moments, states.

Nothing here knows HTML or terminals. A state is a word, a mark and a tone, so that colour is never
the only carrier of meaning.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from trueup.foundation import text

NOTHING = "–"
_MINUS = "−"

Tone = Literal["good", "bad", "warn", "busy", "quiet"]


class State(NamedTuple):
    """How a state is shown: a mark with a shape of its own, the word, and a tone for colour."""

    mark: str
    word: str
    tone: Tone


_STATES: Final[dict[str, tuple[str, Tone]]] = {
    # gates and checks
    "PASSED": ("✓", "good"),
    "FAILED": ("✕", "bad"),
    "passed": ("✓", "good"),
    "failed": ("✕", "bad"),
    "error": ("✕", "bad"),
    "not-enough-data": ("?", "quiet"),
    "not-applicable": (NOTHING, "quiet"),
    # columns that are compared
    "changed": ("▲", "bad"),
    "retyped": ("✕", "bad"),
    "absent": ("✕", "bad"),
    "new": ("+", "busy"),
    "negligible": ("≈", "good"),
    "unchanged": ("✓", "good"),
    "not-compared": (NOTHING, "quiet"),
    # tests of the score
    "proven": ("●", "good"),
    "attested": ("◐", "warn"),
    "unproven": ("○", "quiet"),
    # runs and steps
    "finished": ("✓", "good"),
    "running": ("▸", "busy"),
    "waiting": ("○", "quiet"),
    "skipped": (NOTHING, "quiet"),
    "cached": ("≡", "quiet"),
    "not-reached": ("◌", "quiet"),
    "started": ("▸", "busy"),
    "dropped": (NOTHING, "quiet"),
    "killed": ("■", "warn"),
    "scheduled": ("○", "quiet"),
    "in-progress": ("▸", "busy"),
    "on-time": ("✓", "good"),
    "paused": ("‖", "warn"),
    "interrupted": ("■", "warn"),
    "lost": ("∅", "warn"),
    # runs made again
    "identical": ("✓", "good"),
    "equal-within-tolerance": ("≈", "good"),
    "different": ("✕", "bad"),
    "impossible": ("∅", "warn"),
    # releases
    "requested": ("○", "busy"),
    "stopped": ("■", "bad"),
    "canary": ("◐", "busy"),
    "live": ("●", "good"),
    "served": ("●", "good"),
    "superseded": ("◌", "quiet"),
    "rolled-back": ("↶", "warn"),
    "rejected": ("✕", "bad"),
    "withdrawn": (NOTHING, "quiet"),
    # monitors and alerts
    "ok": ("✓", "good"),
    "changed-but-negligible": ("≈", "good"),
    "warning": ("▲", "warn"),
    "breach": ("✕", "bad"),
    "open": ("▲", "bad"),
    "acknowledged": ("△", "warn"),
    "resolved": ("✓", "quiet"),
    # approvals
    "asked": ("○", "busy"),
    "approved": ("✓", "good"),
    "stale": ("◌", "quiet"),
    # milestones
    "reached": ("✓", "good"),
    "overdue": ("▲", "bad"),
    "ahead": ("○", "quiet"),
    # improvement
    "proposed": ("○", "busy"),
    "training": ("▸", "busy"),
    "refused": ("✕", "warn"),
    "done": ("✓", "good"),
}


def state(name: str) -> State:
    """How to show a state; an unknown one is shown as it is.

    Example:
        >>> state("rolled-back")
        State(mark='↶', word='rolled back', tone='warn')
    """
    mark, tone = _STATES.get(name, ("•", "quiet"))
    return State(mark, name.replace("-", " ").lower(), tone)


def number(value: float | None, digits: int = 4) -> str:
    """A figure with at most `digits` significant digits, thousands separated.

    Example:
        >>> number(0.72345), number(336776), number(-2.0), number(None)
        ('0.7235', '336,776', '−2', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1) or value == int(value):
        return _signed(f"{value:,.0f}")
    if abs(value) < 1e-4:
        return _signed(f"{value:.{digits - 1}e}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    places = min(places, digits) if abs(value) < 1 else places
    shown = f"{value:,.{places}f}"
    return _signed(shown.rstrip("0").rstrip(".") if "." in shown else shown)


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    Example:
        >>> percent(0.25), percent(0.3333), percent(1)
        ('25 %', '33.3 %', '100 %')
    """
    if share is None or not math.isfinite(share):
        return NOTHING
    shown = f"{share * 100:.{digits}f}"
    return _signed(shown.rstrip("0").rstrip(".") if "." in shown else shown) + " %"


def cost(value: float | None) -> str:
    """What something costs, to the cent; less than a cent is not told apart.

    Example:
        >>> cost(1234.5), cost(0.0000015), cost(0.0), cost(None)
        ('1,234.50', '< 0.01', '0', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if 0 < value < 0.01:
        return "< 0.01"
    return f"{value:,.2f}" if value else "0"


def difference(value: float | None, digits: int = 4) -> str:
    """A change, always with its sign.

    Example:
        >>> difference(0.021), difference(-0.5), difference(0)
        ('+0.021', '−0.5', '±0')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "±0"
    return ("+" if value > 0 else "") + number(value, digits)


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the minute.

    Example:
        >>> from datetime import UTC
        >>> moment(datetime(2026, 3, 1, 4, 5, tzinfo=UTC))
        '1 Mar 2026, 04:05 UTC'
    """
    return NOTHING if at is None else f"{day(at)}, {at:%H:%M} UTC"


def day(at: date | None) -> str:
    """A calendar day.

    Example:
        >>> day(date(2026, 3, 1))
        '1 Mar 2026'
    """
    return NOTHING if at is None else f"{at.day} {at:%b} {at.year}"


def span(start: datetime | None, end: datetime | None) -> str:
    """Two moments as one phrase, in days when both are midnights.

    Example:
        >>> from datetime import UTC
        >>> span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
        '1 Mar 2026 to 8 Mar 2026'
    """
    if start is None or end is None:
        return NOTHING
    whole_days = all(at.time() == datetime.min.time() for at in (start, end))
    shown = day if whole_days else moment
    return f"{shown(start)} to {shown(end)}"


def duration(length: timedelta | float | None) -> str:
    """A length of time.

    Example:
        >>> duration(0.0042), duration(timedelta(hours=2, minutes=5)), duration(timedelta(days=3))
        ('4.2 ms', '2 h 5 min', '3 days')
    """
    if length is None:
        return NOTHING
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 3600:
        return text.seconds(seconds)
    if seconds < 86400:
        hours, rest = divmod(round(seconds / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return text.plural(round(seconds / 86400), "day")


def limit(at_least: float | None, at_most: float | None) -> str:
    """A limit as it is said.

    Example:
        >>> limit(0.64, None), limit(None, 0.2)
        ('at least 0.64', 'at most 0.2')
    """
    if at_least is not None:
        return f"at least {number(at_least)}"
    return NOTHING if at_most is None else f"at most {number(at_most)}"


def title(name: str) -> str:
    """A technical name as a heading: `late-arrivals` becomes `Late arrivals`."""
    spaced = name.replace("-", " ").replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


def _signed(shown: str) -> str:
    return shown.replace("-", _MINUS, 1) if shown.startswith("-") else shown
