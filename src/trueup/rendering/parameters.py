"""Charts of what parameters do to a metric: one against it, or all of them side by side.

Pure functions over plain rows; `charts.py` says what a chart is made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trueup.foundation.records import Record
from trueup.foundation.text import plural
from trueup.rendering import vega, words
from trueup.rendering.charts import Chart

ALL: Final = "all"
_BEST, _GOOD, _REST = "the best", "the best quarter", "the others"
_COLOURS: Final = (vega.SERIES[1], vega.SERIES[0], vega.FAINT)
_ORDERS: Final = 30.0  # values whose largest is so many times the smallest are shown by magnitude
_LABEL: Final = 18  # letters


class Trial(Record):
    """One run of a sweep.

    Attributes:
        run: Its identifier.
        values: Its parameters.
        metric: What it reached.
    """

    run: str
    values: Mapping[str, Any]
    metric: float


def against(parameter: str, metric: str, trials: Sequence[Trial]) -> Chart:
    """One parameter from left to right, the metric upwards; `trials` begin with the best."""
    rows = [
        {"x": trial.values.get(parameter), "y": trial.metric, "rank": rank}
        for trial, rank in zip(trials, _ranks(len(trials)), strict=True)
    ]
    numbers = [_number(row["x"]) for row in rows]
    x: dict[str, Any] = {"field": "x", "axis": {"title": parameter}}
    if None in numbers:
        rows = [row | {"x": _word(row["x"])} for row in rows]
        x |= {"type": "nominal", "axis": {"title": parameter, "labelAngle": 0, "labelLimit": 90}}
    else:
        kind = "log" if _is_wide([n for n in numbers if n is not None]) else "linear"
        axis = {"title": parameter, "format": "~g", "labelOverlap": True, "tickCount": 6}
        if all(n is not None and n.is_integer() for n in numbers):
            axis["tickMinStep"] = 1
        scale = {"type": kind, "zero": False, "padding": 12}
        x |= {"type": "quantitative", "scale": scale, "axis": axis}
    layer = {
        "mark": {"type": "point", "filled": True, "opacity": 0.8},
        "encoding": {
            "x": x,
            "y": {
                "field": "y",
                "type": "quantitative",
                "scale": {"zero": False, "nice": True},
                "axis": {"title": metric, "tickCount": 5},
            },
            **_ranked(),
            "size": {"condition": {"test": f"datum.rank === '{_BEST}'", "value": 150}, "value": 55},
        },
    }
    said = f"{plural(len(trials), 'run')}."
    if trials:
        said += (
            f" The best has {parameter} {_word(trials[0].values.get(parameter))} and reaches "
            f"{words.number(trials[0].metric)}."
        )
    return Chart(
        name=parameter,
        title=f"{metric} by {parameter}",
        summary=said,
        columns=("Run", parameter, metric),
        rows=_told([parameter], trials),
        spec=vega.spec({"values": rows}, layer=[layer]),
    )


def together(parameters: Sequence[str], metric: str, trials: Sequence[Trial]) -> Chart:
    """Each run as a line through all its parameters, to the metric that it reached."""
    axes = [*parameters, metric]
    columns = {name: [trial.values.get(name) for trial in trials] for name in parameters}
    columns[metric] = [trial.metric for trial in trials]
    heights = {name: _heights(values) for name, values in columns.items()}
    lines = [
        {"run": trial.run, "rank": rank, "axis": name, "place": place, "height": heights[name][row]}
        for row, (trial, rank) in enumerate(zip(trials, _ranks(len(trials)), strict=True))
        for place, name in enumerate(axes)
    ]
    # The best are drawn last, over the others.
    lines.sort(key=lambda line: -_RANKS.index(str(line["rank"])))
    x = {
        "field": "axis",
        "type": "nominal",
        "sort": axes,
        "scale": {"type": "point", "padding": 0.25},
        "axis": {"title": None, "labelAngle": 0, "orient": "top", "labelLimit": 110, "grid": True},
    }
    y = {
        "field": "height",
        "type": "quantitative",
        "scale": {"domain": [-0.06, 1.06], "nice": False},
        "axis": None,
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "interpolate": "monotone"},
            "encoding": {
                "x": x,
                "y": y,
                "detail": {"field": "run"},
                **_ranked(),
                "size": {
                    "condition": {"test": f"datum.rank === '{_BEST}'", "value": 4},
                    "value": 1.3,
                },
                "opacity": {
                    "condition": {"test": f"datum.rank === '{_REST}'", "value": 0.4},
                    "value": 0.9,
                },
            },
        },
        {
            "data": {"values": [mark for name in axes for mark in _marks(name, columns[name])]},
            "mark": {
                "type": "text",
                "align": "left",
                "dx": 5,
                "fontSize": 11,
                "color": vega.INK,
                "stroke": None,
            },
            "encoding": {"x": x, "y": y, "text": {"field": "word"}},
        },
    ]
    spec = vega.spec({"values": lines}, layer=layers) | {"width": 1000, "height": 260}
    return Chart(
        name=ALL,
        title=f"All parameters and {metric}",
        summary=f"{plural(len(trials), 'run')}, each a line through its parameters to {metric}.",
        columns=("Run", *axes),
        rows=_told(parameters, trials),
        spec=spec,
    )


_RANKS: Final = (_BEST, _GOOD, _REST)


def _ranks(count: int) -> list[str]:
    return [_BEST if n == 0 else _GOOD if n < count / 4 else _REST for n in range(count)]


def _ranked() -> dict[str, Any]:
    scale = {"domain": list(_RANKS), "range": list(_COLOURS)}
    legend = {"symbolOpacity": 1, "symbolType": "circle"}
    return {"color": {"field": "rank", "type": "nominal", "scale": scale, "legend": legend}}


def _heights(values: Sequence[Any]) -> list[float]:
    """Where each value stands between the smallest, at 0, and the largest, at 1."""
    numbers = [_number(value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) < len(values):
        order = list(dict.fromkeys(sorted(_word(value) for value in values)))
        known = [float(order.index(_word(value))) for value in values]
    elif _is_wide(known):
        known = [math.log(number) for number in known]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return [(number - low) / (high - low) if high > low else 0.5 for number in known]


def _marks(name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """The words beside an axis: all that are not too many, else the smallest and the largest."""
    places = dict(sorted(zip(_heights(values), values, strict=True), key=lambda pair: pair[0]))
    few = places if len(places) <= 7 else {h: places[h] for h in (min(places), max(places))}
    return [{"axis": name, "height": h, "word": _word(value)} for h, value in few.items()]


def _is_wide(numbers: Sequence[float]) -> bool:
    return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) >= _ORDERS


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _word(value: Any) -> str:
    number = _number(value)
    said = words.number(number) if number is not None else str(value)
    return said if len(said) <= _LABEL else f"{said[: _LABEL - 1]}…"


def _told(parameters: Sequence[str], trials: Sequence[Trial]) -> tuple[tuple[str, ...], ...]:
    """The table, the best last: pages show the last row first."""
    return tuple(
        (trial.run, *(_word(trial.values.get(p)) for p in parameters), words.number(trial.metric))
        for trial in reversed(trials)
    )
