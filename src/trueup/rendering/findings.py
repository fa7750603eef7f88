"""What a check looked at, one by one, as a chart: values, their intervals and what they must keep.

The worst stand first, because these are what one looks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from trueup.foundation.records import Record
from trueup.foundation.text import plural
from trueup.rendering import vega, words
from trueup.rendering.charts import Chart

MOST: Final = 24
_ROW: Final = 20
_LETTERS: Final = 36
_WORST_FIRST: Final = ("failed", "error", "not-enough-data", "not-applicable", "passed")


class Measured(Record):
    """One line of such a chart.

    Attributes:
        name: A slice, a column, a case.
        state: Outcome, as `words.state` knows it.
        value: What was measured; None draws nothing.
        low: Lower end of its interval.
        high: Upper end of its interval.
        limit: What it is held against.
        rows: Rows it rests on.
        words: The finding.
    """

    name: str
    state: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    rows: int = 0
    words: str = ""


def worst_first(measured: Sequence[Measured]) -> list[Measured]:
    """What did not pass before what did; otherwise in the order given."""
    rank = {state: place for place, state in enumerate(_WORST_FIRST)}
    return sorted(measured, key=lambda each: rank.get(each.state, len(rank)))


def intervals(name: str, title: str, measured: Sequence[Measured]) -> Chart | None:
    """Values with their intervals, one line each; None when fewer than two have a value.

    Args:
        name: Short name, unique on its page.
        title: What it shows.
        measured: The lines; the first of them by severity are drawn.
    """
    known = [each for each in worst_first(measured) if each.value is not None]
    if len(known) < 2:
        return None
    drawn = known[:MOST]
    values = [
        {
            "name": each.name,
            "value": each.value,
            "low": each.value if each.low is None else each.low,
            "high": each.value if each.high is None else each.high,
            "limit": each.limit,
            "state": words.state(each.state).word,
        }
        for each in drawn
    ]
    spec = vega.spec({"values": values}, layer=_layers(drawn))
    spec["height"] = {"step": _ROW}
    # Letters are measured where the picture is drawn; a reader's font may be wider.
    longest = max(len(each.name) for each in drawn)
    spec["padding"] = {"left": 4 + min(longest, _LETTERS), "top": 4, "right": 4, "bottom": 4}
    bad = sum(each.state not in ("passed", "not-applicable") for each in known)
    said = f"{plural(len(known), 'value')}, {bad} of them not passed."
    if len(known) > len(drawn):
        said += f" The first {len(drawn)} are drawn, the worst on top."
    return Chart(
        name=name, title=title, summary=said, columns=COLUMNS, rows=table(measured), spec=spec
    )


COLUMNS: Final = ("what", "outcome", "value", "from", "to", "limit", "rows", "finding")


def table(measured: Sequence[Measured], most: int = 50) -> tuple[tuple[str, ...], ...]:
    """The same as rows of a table, the worst first."""
    return tuple(
        (
            each.name,
            each.state,
            words.number(each.value),
            words.number(each.low),
            words.number(each.high),
            words.number(each.limit),
            f"{each.rows:,}" if each.rows else words.NOTHING,
            each.words,
        )
        for each in worst_first(measured)[:most]
    )


def _layers(drawn: Sequence[Measured]) -> list[dict[str, Any]]:
    line: dict[str, Any] = {
        "field": "name",
        "type": "nominal",
        "sort": [each.name for each in drawn],
        "axis": {"title": None, "labelLimit": 180},
    }
    axis = {"title": None, "grid": True, "tickCount": 5}
    number = {"type": "quantitative", "scale": {"zero": False}, "axis": axis}
    states = sorted({words.state(each.state).word for each in drawn})
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "color": vega.FAINT, "strokeWidth": 2},
            "encoding": {"y": line, "x": number | {"field": "low"}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "color": vega.SERIES[0]},
            "encoding": {
                "y": line,
                "x": number | {"field": "value"},
                "shape": {
                    "field": "state",
                    "scale": {"domain": states, "range": [_shape(state) for state in states]},
                    "legend": None,
                },
                "color": {
                    "field": "state",
                    "scale": {"domain": states, "range": [_colour(state) for state in states]},
                    "legend": {"title": None, "orient": "bottom"} if len(states) > 1 else None,
                },
            },
        },
    ]
    if any(each.limit is not None for each in drawn):
        mark = {"type": "tick", "color": vega.LIMIT, "thickness": 2, "size": _ROW - 4}
        layers.insert(0, {"mark": mark, "encoding": {"y": line, "x": number | {"field": "limit"}}})
    return layers


def _shape(word: str) -> str:
    return "circle" if word == words.state("passed").word else "diamond"


def _colour(word: str) -> str:
    if word == words.state("passed").word:
        return vega.SERIES[0]
    return vega.LIMIT if word == words.state("failed").word else vega.SERIES[1]
