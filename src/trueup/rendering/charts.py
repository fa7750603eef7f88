"""Charts as Vega-Lite specs: plain dicts made by pure functions, each with its words and table.

A `Chart` says the same thing three times: as a picture, as one paragraph for those who do not see
it, and as the table it was drawn from. Read `svg.py` next, which draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from trueup.foundation.records import Record
from trueup.foundation.text import listing, plural
from trueup.rendering import words

# The light palette. `svg.py` swaps each colour for its dark twin where the reader prefers dark.
INK = "#1d2733"
FAINT = "#5c6b7a"
RULE = "#d9dfe5"
LIMIT = "#b3261e"
SERIES: Final = ("#1f6fb2", "#b25d00", "#2f7d4f", "#8250a8", "#b0346e", "#4d6b8a")

WIDTH = 470
HEIGHT = 200


class Chart(Record):
    """A picture with its two twins.

    Attributes:
        name: Short name, unique on its page; part of the address.
        title: What it shows.
        summary: The same in words.
        columns: Headings of the table.
        rows: Rows of the table, already worded.
        spec: The Vega-Lite spec.
    """

    name: str
    title: str
    summary: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spec: dict[str, Any]


class Sample(Record):
    """One point of a line.

    Attributes:
        at: When.
        value: What was measured; None leaves a gap.
        series: Which line it belongs to, such as a model version.
        state: Verdict of the point, as `words.state` knows it.
        low: Lower end of its confidence interval.
        high: Upper end of it.
        rows: Rows it rests on.
    """

    at: datetime
    value: float | None
    series: str = ""
    state: str = "ok"
    low: float | None = None
    high: float | None = None
    rows: int = 0


class Mark(Record):
    """A moment at which something changed, such as a release."""

    at: datetime
    label: str


# Vega symbols whose shapes differ, so that a verdict is legible without colour.
_SHAPES: Final[Mapping[str, str]] = {
    "ok": "circle",
    "changed but negligible": "square",
    "warning": "triangle-up",
    "breach": "cross",
    "not enough data": "stroke",
}


def line(
    name: str,
    title: str,
    samples: Sequence[Sample],
    *,
    limit: float | None = None,
    limit_words: str = "",
    marks: Sequence[Mark] = (),
    unit: str = "",
) -> Chart:
    """Values over time against a limit, with their bounds and the moments of change."""
    drawn = [s for s in samples if s.value is not None]
    values = [
        {
            "at": _milliseconds(s.at),
            "value": s.value,
            "series": s.series,
            "verdict": words.state(s.state).word,
            "low": s.value if s.low is None else s.low,
            "high": s.value if s.high is None else s.high,
        }
        for s in drawn
    ]
    names = list(dict.fromkeys(s.series for s in drawn))
    layers: list[dict[str, Any]] = []
    if any(s.low is not None or s.high is not None for s in drawn):
        layers.append(_band(names))
    if limit is not None:
        layers += _limit_line(limit, limit_words or f"limit {words.number(limit)}")
    layers += _mark_lines(marks)
    layers += [_curve(names, unit), _points(names, sorted({str(v["verdict"]) for v in values}))]
    spec = _spec({"values": values}, layer=layers)
    return Chart(
        name=name,
        title=title,
        summary=_line_summary(samples, limit_words, marks, unit),
        columns=("When", "Version", "Verdict", "Value", "Lower bound", "Upper bound", "Rows"),
        rows=tuple(
            (
                words.moment(s.at),
                s.series,
                words.state(s.state).word,
                _with_unit(s.value, unit),
                _with_unit(s.low, unit),
                _with_unit(s.high, unit),
                f"{s.rows:,}",
            )
            for s in samples
        ),
        spec=spec,
    )


def shares(
    name: str,
    title: str,
    amounts: Sequence[tuple[datetime, Mapping[str, float]]],
    what: str = "row",
) -> Chart:
    """How parts make up a whole over time: one stacked bar for each moment, adding up to 100 %."""
    parts = list(dict.fromkeys(part for _, amount in amounts for part in amount))
    values = [
        {"at": _milliseconds(at), "part": part, "amount": amount.get(part, 0.0)}
        for at, amount in amounts
        for part in parts
    ]
    bar = {
        "mark": {"type": "bar", "size": max(3, min(26, 360 // max(1, len(amounts))))},
        "encoding": {
            "x": _time_axis(padding=16),
            "y": {
                "field": "amount",
                "type": "quantitative",
                "stack": "normalize",
                "axis": {"title": None, "format": "%", "tickCount": 4},
            },
            "color": _colours("part", parts),
            "order": {"field": "part"},
        },
    }
    totals = {part: sum(amount.get(part, 0.0) for _, amount in amounts) for part in parts}
    whole = sum(totals.values()) or 1.0
    said = listing(f"{part} {words.percent(total / whole)}" for part, total in totals.items())
    return Chart(
        name=name,
        title=title,
        summary=f"Over the whole time: {said}." if said else "Nothing yet.",
        columns=("When", *(f"{part} ({what}s)" for part in parts)),
        rows=tuple(
            (words.moment(at), *(words.number(amount.get(part, 0.0)) for part in parts))
            for at, amount in amounts
        ),
        spec=_spec({"values": values}, layer=[bar]),
    )


def histogram(
    name: str,
    title: str,
    bins: Sequence[str],
    reference: Sequence[float],
    current: Sequence[float],
    *,
    labels: tuple[str, str] = ("in training", "now"),
) -> Chart:
    """Two distributions over the same bins, as shares of their own rows, side by side."""
    both = (_as_shares(reference), _as_shares(current))
    values = [
        {"bin": label, "place": place, "whose": whose, "share": share}
        for whose, shares_ in zip(labels, both, strict=True)
        for place, (label, share) in enumerate(zip(bins, shares_, strict=True))
    ]
    sort = {"field": "place"}
    bars = {
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "bin",
                "type": "nominal",
                "sort": sort,
                "axis": {"title": None, "labelAngle": -40, "labelLimit": 110, "ticks": False},
            },
            "xOffset": {"field": "whose", "sort": list(labels)},
            "y": {
                "field": "share",
                "type": "quantitative",
                "axis": {"title": None, "format": "%", "tickCount": 4},
            },
            "color": _colours("whose", list(labels)),
        },
    }
    moved = sorted(
        zip(bins, *both, strict=True), key=lambda entry: abs(entry[2] - entry[1]), reverse=True
    )
    largest = listing(
        f"{label} from {words.percent(was)} to {words.percent(now)}"
        for label, was, now in moved[:2]
    )
    return Chart(
        name=name,
        title=title,
        summary=f"{plural(len(bins), 'bin')}. The largest changes: {largest}.",
        columns=("Bin", *(words.title(label) for label in labels), "Change"),
        rows=tuple(
            (label, words.percent(was), words.percent(now), words.difference((now - was) * 100, 3))
            for label, was, now in zip(bins, *both, strict=True)
        ),
        spec=_spec({"values": values}, layer=[bars]),
    )


def _spec(data: dict[str, Any], layer: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH,
        "height": HEIGHT,
        "background": None,
        "data": data,
        "layer": layer,
        "config": _CONFIG,
    }


_CONFIG: Final[dict[str, Any]] = {
    "font": "system-ui, sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": FAINT,
        "labelFontSize": 12,
        "titleColor": FAINT,
        "domainColor": RULE,
        "gridColor": RULE,
        "tickColor": RULE,
        "labelPadding": 6,
        "domain": False,
        "ticks": False,
    },
    "axisX": {"grid": False, "labelFlush": False},
    "legend": {
        "orient": "bottom",
        "direction": "horizontal",
        "labelColor": INK,
        "labelFontSize": 12,
        "title": None,
        "symbolSize": 90,
        "symbolStrokeWidth": 2,
        "offset": 12,
        "columnPadding": 22,
        "layout": {"bottom": {"margin": 22}},
    },
}


def _band(names: Sequence[str]) -> dict[str, Any]:
    return {
        "mark": {"type": "area", "opacity": 0.16, "interpolate": "linear"},
        "encoding": {
            "x": _time_axis(),
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
            "color": _colours("series", names),
        },
    }


def _limit_line(limit: float, label: str) -> list[dict[str, Any]]:
    data = {"values": [{"limit": limit}]}
    place = {"y": {"datum": limit, "type": "quantitative"}}
    return [
        {
            "data": data,
            "mark": {"type": "rule", "color": LIMIT, "strokeDash": [6, 4], "strokeWidth": 1.5},
            "encoding": place,
        },
        {
            "data": data,
            "mark": {
                "type": "text",
                "text": label,
                "color": LIMIT,
                "align": "right",
                "baseline": "bottom",
                "dy": -4,
                "fontSize": 12,
                "x": "width",
            },
            "encoding": place,
        },
    ]


def _mark_lines(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    if not marks:
        return []
    data = {"values": [{"at": _milliseconds(m.at), "label": m.label} for m in marks]}
    x = {"x": _time_axis()}
    return [
        {"data": data, "mark": {"type": "rule", "color": FAINT, "strokeWidth": 1}, "encoding": x},
        {
            "data": data,
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "top",
                "dx": -1,
                "y": -16,
                "color": FAINT,
                "fontSize": 11,
                "limit": 120,
            },
            "encoding": x | {"text": {"field": "label"}},
        },
    ]


def _curve(names: Sequence[str], unit: str) -> dict[str, Any]:
    y: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True},
        "axis": {"title": unit or None, "tickCount": 5},
    }
    return {
        "mark": {"type": "line", "strokeWidth": 2, "interpolate": "linear"},
        "encoding": {"x": _time_axis(), "y": y, "color": _colours("series", names)},
    }


def _points(names: Sequence[str], verdicts: Sequence[str]) -> dict[str, Any]:
    scale = {"domain": list(verdicts), "range": [_SHAPES.get(v, "diamond") for v in verdicts]}
    # One verdict needs no legend: the table and the summary name it.
    legend: dict[str, Any] | None = {"symbolStrokeColor": INK} if len(verdicts) > 1 else None
    return {
        "mark": {"type": "point", "filled": False, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": _time_axis(),
            "y": {"field": "value", "type": "quantitative"},
            "color": {
                "condition": {"test": "datum.verdict === 'breach'", "value": LIMIT},
                **_colours("series", names),
            },
            "size": {
                "condition": {"test": "datum.verdict === 'breach'", "value": 110},
                "value": 36,
            },
            "shape": {"field": "verdict", "type": "nominal", "scale": scale, "legend": legend},
        },
    }


def _colours(field: str, names: Sequence[str]) -> dict[str, Any]:
    colours = [SERIES[i % len(SERIES)] for i in range(len(names))]
    legend = {"symbolOpacity": 1, "symbolType": "square"} if len(names) > 1 else None
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": colours},
        "legend": legend,
    }


def _time_axis(padding: int = 8) -> dict[str, Any]:
    return {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc", "padding": padding},
        "axis": {"title": None, "tickCount": 6, "labelOverlap": True},
    }


def _line_summary(
    samples: Sequence[Sample], limit_words: str, marks: Sequence[Mark], unit: str
) -> str:
    known = [s for s in samples if s.value is not None]
    if not known:
        return "No value yet."
    values = [s.value for s in known if s.value is not None]
    said = (
        f"{plural(len(known), 'value')} from {words.day(known[0].at)} "
        f"to {words.day(known[-1].at)}, between {_with_unit(min(values), unit)} "
        f"and {_with_unit(max(values), unit)}, last {_with_unit(values[-1], unit)}."
    )
    if limit_words:
        said += f" The limit is {limit_words}."
    broken = [s for s in samples if s.state == "breach"]
    if broken:
        said += f" {plural(len(broken), 'breach', 'breaches')}, first on {words.day(broken[0].at)}."
    if marks:
        changes = listing(f"{m.label} on {words.day(m.at)}" for m in marks)
        said += f" Changes: {changes}."
    return said


def _with_unit(value: float | None, unit: str) -> str:
    shown = words.number(value)
    return f"{shown} {unit}" if unit and shown != words.NOTHING else shown


def _as_shares(counts: Sequence[float]) -> list[float]:
    whole = sum(counts)
    return [count / whole if whole else 0.0 for count in counts]


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
