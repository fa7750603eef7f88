"""Two distributions over the same cells as one picture: what was, filled; what is, outlined.

SVG made of a few tags, styled by classes of the page around it, so that a report can hold hundreds.
`charts.py` draws the large ones; a table or a sentence beside the picture says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from trueup.rendering import words

_WIDTH: Final = 400
_HEIGHT: Final = 150
_BOTTOM: Final = 24
_TOP: Final = 6
_ROW: Final = 30
_LABEL: Final = 124
_FIGURES: Final = 128
_LONGEST: Final = 16


def steps(edges: Sequence[str], before: Sequence[float], now: Sequence[float], title: str) -> str:
    """Numbers: two outlines over cells of equal width, as shares of their own rows.

    Args:
        edges: Labels of the ends of the cells, one more than cells.
        before: Rows per cell.
        now: Rows per cell.
        title: The same in words, for those who do not see it.
    """
    both = _shares(before), _shares(now)
    top = max([*both[0], *both[1]], default=0.0) or 1.0
    floor, across = _HEIGHT - _BOTTOM, _WIDTH / max(1, len(before))

    def outline(shares: Sequence[float]) -> str:
        path = [f"M0 {floor}"]
        for place, share in enumerate(shares):
            at = floor - share / top * (floor - _TOP)
            path.append(f"V{at:.1f}H{(place + 1) * across:.1f}")
        return "".join((*path, f"V{floor}"))

    marks = []
    for place, anchor in ((0, "start"), (len(before) // 2, "middle"), (len(before), "end")):
        marks.append(
            f'<text x="{place * across:.0f}" y="{_HEIGHT - 5}" text-anchor="{anchor}">'
            f"{escape(edges[place])}</text>"
        )
    return _svg(
        _HEIGHT,
        title,
        f'<path class="was" d="{outline(both[0])}Z"/><path class="now" d="{outline(both[1])}"/>'
        f'<path class="floor" d="M0 {floor}H{_WIDTH}"/>{"".join(marks)}',
    )


def bars(
    labels: Sequence[str], before: Sequence[float], now: Sequence[float], title: str, rest: str = ""
) -> str:
    """Categories: a row for each, with two bars and the shares in figures; arguments as `steps`.

    The row called `rest` is cut where it is longer than all others and would hide how they differ.
    """
    both = _shares(before), _shares(now)
    named = [place for place, label in enumerate(labels) if label != rest]
    top = max((side[place] for side in both for place in named), default=0.0) or 1.0
    room = _WIDTH - _LABEL - _FIGURES
    rows = []
    for place, (label, was, is_) in enumerate(zip(labels, *both, strict=True)):
        y = place * _ROW
        shown = label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"
        rows.append(
            f'<text class="name" x="{_LABEL - 8}" y="{y + 18}" text-anchor="end">'
            f"{escape(shown)}</text>"
            f'<rect class="was" x="{_LABEL}" y="{y + 4}" width="{min(was / top, 1) * room:.1f}" '
            'height="8"/>'
            f'<rect class="now" x="{_LABEL}" y="{y + 13}" width="{min(is_ / top, 1) * room:.1f}" '
            'height="8"/>'
            f'<text x="{_WIDTH}" y="{y + 18}" text-anchor="end">'
            f"{words.percent(was)} → {words.percent(is_)}</text>"
        )
    return _svg(max(1, len(labels)) * _ROW + 4, title, "".join(rows))


def key(before: str, now: str) -> str:
    """What the two looks mean, for the head of a page."""
    return (
        '<p class="pairs-key"><svg class="pair" aria-hidden="true" viewBox="0 0 14 12" width="14" '
        'height="12"><rect class="was" width="14" height="12"/></svg> '
        f'{escape(before)} <svg class="pair" aria-hidden="true" viewBox="0 0 14 12" width="14" '
        f'height="12"><rect class="now" width="14" height="12"/></svg> {escape(now)}</p>'
    )


STYLE: Final = """
.pair{display:block;width:100%;height:auto}.pair text{font:14px system-ui,sans-serif;
fill:var(--dim)}.pair .name{fill:var(--ink)}.pair .was{fill:var(--was)}
.pair path.now{fill:var(--now);fill-opacity:.13;stroke:var(--now);stroke-width:1.8;
stroke-linejoin:round}.pair rect.now{fill:var(--now)}.pair .floor{stroke:var(--line)}
.pairs-key{display:flex;gap:.5rem;align-items:center;color:var(--dim)}
.pairs-key .pair{width:14px;flex:none}.pairs-key .pair:not(:first-child){margin-left:1rem}
"""


def _svg(height: int, title: str, inside: str) -> str:
    return (
        f'<svg class="pair" role="img" viewBox="0 0 {_WIDTH} {height}">'
        f"<title>{escape(title)}</title>{inside}</svg>"
    )


def _shares(counts: Sequence[float]) -> list[float]:
    whole = float(sum(counts))
    return [count / whole if whole else 0.0 for count in counts]
