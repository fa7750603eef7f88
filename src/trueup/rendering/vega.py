"""The Vega-Lite parts that charts are made of: palette, axes, layers. Plain dicts, pure functions.

Colours are written out here and nowhere else; `svg.py` swaps each for its dark twin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

# The light palette. `svg.py` swaps each colour for its dark twin where the reader prefers dark.
INK = "#1d2733"
FAINT = "#5c6b7a"
RULE = "#d9dfe5"
LIMIT = "#b3261e"
SERIES: Final = ("#1f6fb2", "#b25d00", "#2f7d4f", "#8250a8", "#b0346e", "#4d6b8a")

WIDTH = 470
HEIGHT = 200


# Vega symbols whose shapes differ, so that a verdict is legible without colour.
_SHAPES: Final[Mapping[str, str]] = {
    "ok": "circle",
    "changed but negligible": "square",
    "warning": "triangle-up",
    "breach": "cross",
    "not enough data": "stroke",
}


def spec(data: dict[str, Any], layer: list[dict[str, Any]]) -> dict[str, Any]:
    """A whole spec from its data and layers."""
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


def band(names: Sequence[str]) -> dict[str, Any]:
    """The confidence interval behind a line."""
    return {
        "mark": {"type": "area", "opacity": 0.16, "interpolate": "linear"},
        "encoding": {
            "x": time_axis(),
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
            "color": colours("series", names),
        },
    }


def limit_line(limit: float, label: str) -> list[dict[str, Any]]:
    """A limit across the chart, with its words."""
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


def mark_lines(marks: Sequence[tuple[datetime, str]]) -> list[dict[str, Any]]:
    """Moments of change as upright lines, labelled above the plot."""
    if not marks:
        return []
    data = {"values": [{"at": milliseconds(at), "label": label} for at, label in marks]}
    x = {"x": time_axis()}
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


def curve(names: Sequence[str], unit: str) -> dict[str, Any]:
    """The lines themselves."""
    y: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True},
        "axis": {"title": unit or None, "tickCount": 5},
    }
    return {
        "mark": {"type": "line", "strokeWidth": 2, "interpolate": "linear"},
        "encoding": {"x": time_axis(), "y": y, "color": colours("series", names)},
    }


def points(names: Sequence[str], verdicts: Sequence[str]) -> dict[str, Any]:
    """A mark for each value, its shape told by the verdict."""
    scale = {"domain": list(verdicts), "range": [_SHAPES.get(v, "diamond") for v in verdicts]}
    # One verdict needs no legend: the table and the summary name it.
    legend: dict[str, Any] | None = {"symbolStrokeColor": INK} if len(verdicts) > 1 else None
    return {
        "mark": {"type": "point", "filled": False, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": time_axis(),
            "y": {"field": "value", "type": "quantitative"},
            "color": {
                "condition": {"test": "datum.verdict === 'breach'", "value": LIMIT},
                **colours("series", names),
            },
            "size": {
                "condition": {"test": "datum.verdict === 'breach'", "value": 110},
                "value": 36,
            },
            "shape": {"field": "verdict", "type": "nominal", "scale": scale, "legend": legend},
        },
    }


def colours(field: str, names: Sequence[str]) -> dict[str, Any]:
    """A colour for each name; a legend only if there is more than one."""
    colours = [SERIES[i % len(SERIES)] for i in range(len(names))]
    legend = {"symbolOpacity": 1, "symbolType": "square"} if len(names) > 1 else None
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": colours},
        "legend": legend,
    }


def time_axis(padding: int = 8) -> dict[str, Any]:
    """Time from left to right, in UTC."""
    return {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc", "padding": padding},
        "axis": {"title": None, "tickCount": 6, "labelOverlap": True},
    }


def milliseconds(at: datetime) -> int:
    """A moment as Vega counts it."""
    return round(at.timestamp() * 1000)
