"""Curves of metrics by step, one over another, as SVG made of a few tags.

Only classes are used, no inline style. A line is told by its dashes before it is by its colour, and
a table beside it says the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from trueup.rendering import words

MOST: Final = 6  # lines that can still be told apart
_WIDTH: Final = 560
_HEIGHT: Final = 200
_LEFT: Final = 62
_RIGHT: Final = 10
_TOP: Final = 10
_BOTTOM: Final = 26
_SPARK_WIDTH: Final = 90
_SPARK_HEIGHT: Final = 20


class Curve(NamedTuple):
    """One line.

    Attributes:
        label: What it is of.
        points: Step and value, by step; a value that is no finite number leaves a gap.
    """

    label: str
    points: Sequence[tuple[int, float]]


def svg(curves: Sequence[Curve], title: str) -> str:
    """The picture; nothing when no value is a finite number."""
    shown = curves[:MOST]
    finite = [point for curve in shown for point in curve.points if math.isfinite(point[1])]
    if not finite:
        return ""
    first, last = min(p[0] for p in finite), max(p[0] for p in finite)
    low, high = min(p[1] for p in finite), max(p[1] for p in finite)
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    across = _WIDTH - _LEFT - _RIGHT
    down = _HEIGHT - _TOP - _BOTTOM

    def x(step: int) -> float:
        return _LEFT + (across * (step - first) / (last - first) if last > first else across / 2)

    def y(value: float) -> float:
        # Halves first: the span of two huge values is no finite number.
        return _TOP + down * (1 - (value / 2 - low / 2) / (high / 2 - low / 2))

    parts = [
        f'<svg class="curves" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f"<title>{escape(title)}</title>"
    ]
    for share in (0.0, 0.5, 1.0):
        value = low * (1 - share) + high * share
        at = round(y(value), 1)
        parts.append(
            f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:g}" y2="{at:g}"/>'
            f'<text x="{_LEFT - 7}" y="{at + 4:g}" text-anchor="end">'
            f"{words.number(value, 3)}</text>"
        )
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 7}">step {first:,}</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 7}" text-anchor="end">{last:,}</text>'
    )
    for place, curve in enumerate(shown):
        parts.append(
            _line(place, [(x(s), y(v)) if math.isfinite(v) else None for s, v in curve.points])
        )
    return "".join((*parts, "</svg>"))


def spark(points: Sequence[tuple[int, float]], title: str) -> str:
    """One line without axes, small enough for a cell; nothing without two finite values."""
    finite = [point for point in points if math.isfinite(point[1])]
    if len(finite) < 2:
        return ""
    first, last = finite[0][0], finite[-1][0]
    low, high = min(p[1] for p in finite), max(p[1] for p in finite)
    across = _SPARK_WIDTH / (last - first) if last > first else 0.0
    # Halves first: the span of two huge values is no finite number.
    down = _SPARK_HEIGHT / (high / 2 - low / 2) if high > low else 0.0
    path = " ".join(
        f"{1 + (step - first) * across:.1f},{1 + (high / 2 - value / 2) * down:.1f}"
        for step, value in finite
    )
    width, height = _SPARK_WIDTH + 2, _SPARK_HEIGHT + 2
    return (
        f'<svg class="curves spark-line" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}"><title>{escape(title)}</title>'
        f'<polyline class="line" points="{path}"/></svg>'
    )


def key(place: int) -> str:
    """A short piece of a line, for its label."""
    return (
        '<svg class="curves key" aria-hidden="true" viewBox="0 0 28 8" width="28" height="8">'
        f'<path class="line l{place}" d="M1 4H27"/></svg>'
    )


def _line(place: int, points: Sequence[tuple[float, float] | None]) -> str:
    path, alone, is_down = [], [], False
    for number, point in enumerate(points):
        if point is None:
            is_down = False
            continue
        follows = number + 1 < len(points) and points[number + 1] is not None
        if not is_down and not follows:
            alone.append(point)
        path.append(f"{'L' if is_down else 'M'}{point[0]:.1f} {point[1]:.1f}")
        is_down = True
    dots = "".join(
        f'<circle class="dot l{place}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in alone
    )
    return f'<path class="line l{place}" d="{"".join(path)}"/>{dots}'
