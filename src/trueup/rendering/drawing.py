"""Drawing what follows from what: boxes in layers, joined by lines, as an SVG made of a few tags.

Only classes are used, no inline style: the style sheet of the pages knows the colours of both
schemes. A state is a mark, a word and a shape before it is a colour. `layers.py` places the boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, Literal, NamedTuple

from trueup.rendering import layers
from trueup.rendering.layers import HEIGHT, WIDTH, Layout, Point
from trueup.rendering.words import Tone

MOST: Final = 400  # boxes; nobody reads a drawing of more
_MARGIN: Final = 6
_LONGEST: Final = 22  # letters of a label that fit
_NOTE: Final = 27  # letters of the smaller words below it

Shape = Literal["step", "data", "choice", "many"]


class Box(NamedTuple):
    """One box.

    Attributes:
        label: Its name.
        note: The smaller words below.
        mark: What stands before the note.
        tone: The tone of the mark and the frame.
        shape: `data` is round, a `choice` has corners cut off, `many` is a pile.
        href: Where it leads; empty for nowhere.
        is_pale: Whether it takes no part.
        kin: Boxes of the same kin may be shown as one where there are too many.
        stands_for: How many boxes it is shown for.
        noun: What such boxes are called.
        is_here: Whether it is the one that the drawing is about.
    """

    label: str
    note: str = ""
    mark: str = ""
    tone: Tone = "quiet"
    shape: Shape = "step"
    href: str = ""
    is_pale: bool = False
    kin: str = ""
    stands_for: int = 1
    noun: str = "step"
    is_here: bool = False


class Edge(NamedTuple):
    """A connection between two boxes, by number; `dashed` for a condition."""

    source: int
    target: int
    is_dashed: bool = False


def svg(boxes: Sequence[Box], edges: Sequence[Edge], title: str, words: str, name: str) -> str:
    """The drawing.

    Args:
        boxes: The boxes, each after those it follows from.
        edges: What follows from what.
        title: What is drawn, for those who do not see it.
        words: The same in a sentence or two.
        name: A word for identifiers, unique on the page.
    """
    laid = layers.layout(len(boxes), [(edge.source, edge.target) for edge in edges])
    dashed = {(edge.source, edge.target) for edge in edges if edge.is_dashed}
    dashed -= {(edge.source, edge.target) for edge in edges if not edge.is_dashed}
    width, height = laid.width + 2 * _MARGIN, laid.height + 2 * _MARGIN
    parts = [*_lines(laid, dashed, boxes)]
    parts += [_box(box, corner) for box, corner in zip(boxes, laid.corners, strict=True)]
    return (
        f'<svg class="graph" role="group" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-words" viewBox="{-_MARGIN} {-_MARGIN} {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-words">{escape(words)}</desc>{"".join(parts)}</svg>'
    )


def _lines(laid: Layout, dashed: set[tuple[int, int]], boxes: Sequence[Box]) -> list[str]:
    drawn: dict[str, list[str]] = {}
    for above, below, source, target in laid.lines:
        kind = "dashed" if (source, target) in dashed else "line"
        if target >= 0 and boxes[target].is_pale:
            kind += " pale"
        drawn.setdefault(kind, []).append(_curve(above, below))
    for (x, y), _ in laid.bends:
        drawn.setdefault("line", []).append(f"M{x:g} {y:g}v{HEIGHT}")
    tips = {line.below for line in laid.lines if line.target >= 0}
    heads = "".join(f"M{x - 4:g} {y - 6:g}h8l-4 6z" for x, y in sorted(tips))
    found = [f'<path class="{kind}" d="{"".join(paths)}"/>' for kind, paths in drawn.items()]
    return [*found, f'<path class="tips" d="{heads}"/>'] if heads else found


def _curve(above: Point, below: Point) -> str:
    if above.x == below.x:
        return f"M{above.x:g} {above.y:g}V{below.y:g}"
    middle = (above.y + below.y) / 2
    return (
        f"M{above.x:g} {above.y:g}C{above.x:g} {middle:g} "
        f"{below.x:g} {middle:g} {below.x:g} {below.y:g}"
    )


def _box(box: Box, corner: Point) -> str:
    x, y = corner
    kind = f"box {box.shape} {box.tone}{' pale' if box.is_pale else ''}"
    kind += " here" if box.is_here else ""
    inset = x + (22 if box.shape == "data" else 14)
    note = f"{box.mark} {box.note}".strip()
    line = y + (20 if note else 28)
    text = f'<text x="{inset:g}" y="{line:g}">{escape(_cut(box.label, _LONGEST))}</text>'
    if note:
        words = escape(_cut(note, _NOTE))
        text += f'<text class="word" x="{inset:g}" y="{line + 17:g}">{words}</text>'
    body = f"<title>{escape(f'{box.label}: {box.note}' if box.note else box.label)}</title>"
    body += _shape(box, x, y) + text
    if box.href:
        return f'<a class="{kind}" href="{escape(box.href)}">{body}</a>'
    return f'<g class="{kind}">{body}</g>'


def _shape(box: Box, x: float, y: float) -> str:
    if box.shape == "choice":
        cut, right, bottom = 12, x + WIDTH, y + HEIGHT
        return (
            f'<path d="M{x + cut:g} {y:g}H{right - cut:g}L{right:g} {y + HEIGHT / 2:g}'
            f'L{right - cut:g} {bottom:g}H{x + cut:g}L{x:g} {y + HEIGHT / 2:g}z"/>'
        )
    radius = HEIGHT // 2 if box.shape == "data" else 7
    front = _rectangle(x, y, radius)
    if box.shape == "many":
        return _rectangle(x + 6, y + 6, radius) + _rectangle(x + 3, y + 3, radius) + front
    return front


def _rectangle(x: float, y: float, radius: int) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="{radius}"/>'


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
