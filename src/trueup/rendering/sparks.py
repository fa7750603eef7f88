"""Small histograms that fit into a line of text or a cell of a table.

`charts.py` draws the large ones; here nothing is drawn by a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_HEIGHT: Final = 28
_PITCH: Final = 7


def shares(counts: Sequence[float], most: int = 0) -> list[float]:
    """Counts as shares of their sum, neighbours joined until at most `most` are left.

    Example:
        >>> shares([1, 1, 2, 0], most=2)
        [0.5, 0.5]
    """
    whole = float(sum(counts))
    width = -(-len(counts) // most) if most else 1
    joined = [sum(counts[start : start + width]) for start in range(0, len(counts), width or 1)]
    return [count / whole if whole else 0.0 for count in joined]


def bars(counts: Sequence[float], top: float, most: int = 12) -> str:
    """A histogram of one line; nothing at all in a cell is a space.

    Args:
        counts: Rows per cell.
        top: The share that fills a line's height, so that two histograms can be compared.
        most: Cells at most; neighbours are joined.

    Example:
        >>> bars([1, 3, 4, 0], top=0.5)
        '▂▆█ '
    """
    drawn = []
    for share in shares(counts, most):
        level = round(share / top * len(_BLOCKS)) if top else 0
        drawn.append(_BLOCKS[min(max(level, 1), len(_BLOCKS)) - 1] if share else " ")
    return "".join(drawn)


def two_bars(before: Sequence[float], after: Sequence[float], most: int = 12) -> tuple[str, str]:
    """Two histograms over the same cells, in the same scale."""
    top = max([*shares(before, most), *shares(after, most)], default=0.0)
    return bars(before, top, most), bars(after, top, most)


def svg(before: Sequence[float], after: Sequence[float], title: str) -> str:
    """Two histograms over the same cells as a small picture: faint before, full after.

    Only attributes are used, so that a page that forbids inline style shows it.
    """
    pairs = list(zip(shares(before), shares(after), strict=True))
    top = max((share for pair in pairs for share in pair), default=0.0) or 1.0
    parts = []
    for place, pair in enumerate(pairs):
        for side, share in enumerate(pair):
            height = round(share / top * _HEIGHT, 1)
            x = place * _PITCH + side * 3
            parts.append(
                f'<rect class="{("was", "now")[side]}" x="{x}" y="{_HEIGHT - height:g}" '
                f'width="{3}" height="{height:g}"/>'
            )
    width = max(len(pairs) * _PITCH, 1)
    return (
        f'<svg class="spark" role="img" viewBox="0 0 {width} {_HEIGHT}" width="{width}" '
        f'height="{_HEIGHT}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
