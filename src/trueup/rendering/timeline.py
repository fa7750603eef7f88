"""What held from when until when, as lanes over one time axis: SVG made of a few tags.

Only classes are used, no inline style. Each span carries its word, and a table beside it says the
same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final, NamedTuple

from trueup.rendering import words

_WIDTH: Final = 1000
_LEFT: Final = 130
_RIGHT: Final = 14
_LANE: Final = 40
_BAR: Final = 26
_BOTTOM: Final = 28
_TICKS: Final = 5
_LETTER: Final = 7.6  # about as wide as a letter is
_NARROWEST: Final = 4.0


class Span(NamedTuple):
    """Something that held for a time.

    Attributes:
        lane: The lane that it stands in.
        word: What held.
        start: From when.
        end: Until when; None while it still holds.
    """

    lane: str
    word: str
    start: datetime
    end: datetime | None


def svg(spans: Sequence[Span], until: datetime, title: str) -> str:
    """The picture; nothing without a span.

    Args:
        spans: What held; of one lane, in order.
        until: The moment at which the axis ends.
        title: What is shown.
    """
    if not spans:
        return ""
    lanes = {lane: place for place, lane in enumerate(dict.fromkeys(s.lane for s in spans))}
    first = min(span.start for span in spans)
    whole = (until - first).total_seconds() or 1.0
    across = _WIDTH - _LEFT - _RIGHT
    height = len(lanes) * _LANE + _BOTTOM

    def x(at: datetime) -> float:
        return round(_LEFT + across * (at - first).total_seconds() / whole, 1)

    parts = [
        f'<svg class="timeline" role="img" viewBox="0 0 {_WIDTH} {height}">'
        f"<title>{escape(title)}</title>"
    ]
    for tick in range(_TICKS):
        at = first + (until - first) * tick / (_TICKS - 1)
        anchor = ("start", "middle", "end")[(tick > 0) + (tick == _TICKS - 1)]
        shown = words.day(at) if whole > 3 * 86400 else f"{at.day} {at:%b, %H:%M}"
        parts.append(
            f'<path class="rule" d="M{x(at):g} 4V{height - _BOTTOM + 2}"/>'
            f'<text class="tick" x="{x(at):g}" y="{height - 8}" text-anchor="{anchor}">{shown}'
            "</text>"
        )
    parts += [
        f'<text x="{_LEFT - 12}" y="{place * _LANE + 25}" text-anchor="end">{escape(lane)}</text>'
        for lane, place in lanes.items()
    ]
    parts += [_bar(span, lanes[span.lane], x(span.start), x(span.end or until)) for span in spans]
    return "".join((*parts, "</svg>"))


def _bar(span: Span, place: int, start: float, end: float) -> str:
    width = max(end - start, _NARROWEST)
    y = place * _LANE + (_LANE - _BAR) / 2
    said = words.moment(span.start)
    said += f" to {words.moment(span.end)}" if span.end else " until now"
    kind = "past" if span.end else "now"
    fits = len(span.word) * _LETTER + 12 <= width
    label = f'<text x="{start + 8:g}" y="{y + 18:g}">{escape(span.word)}</text>' if fits else ""
    return (
        f'<g class="span {kind}"><title>{escape(f"{span.lane}: {span.word}, {said}")}</title>'
        f'<rect x="{start:g}" y="{y:g}" width="{width:g}" height="{_BAR}" rx="5"/>{label}</g>'
    )
