"""Charts as Vega-Lite specs: plain dicts made by pure functions, each with its words and table.

A `Chart` says the same thing three times: as a picture, as one paragraph for those who do not see
it, and as the table it was drawn from. Read `vega.py` next: the parts of a spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trueup.foundation.records import Record
from trueup.foundation.text import listing, plural
from trueup.rendering import vega, words


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
            "at": vega.milliseconds(s.at),
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
        layers.append(vega.band(names))
    if limit is not None:
        layers += vega.limit_line(limit, limit_words or f"limit {words.number(limit)}")
    layers += vega.mark_lines([(mark.at, mark.label) for mark in marks])
    layers += [
        vega.curve(names, unit),
        vega.points(names, sorted({str(v["verdict"]) for v in values})),
    ]
    spec = vega.spec({"values": values}, layer=layers)
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
        {"at": vega.milliseconds(at), "part": part, "amount": amount.get(part, 0.0)}
        for at, amount in amounts
        for part in parts
    ]
    bar = {
        "mark": {"type": "bar", "size": max(3, min(26, 360 // max(1, len(amounts))))},
        "encoding": {
            "x": vega.time_axis(padding=16),
            "y": {
                "field": "amount",
                "type": "quantitative",
                "stack": "normalize",
                "axis": {"title": None, "format": "%", "tickCount": 4},
            },
            "color": vega.colours("part", parts),
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
        spec=vega.spec({"values": values}, layer=[bar]),
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
            "color": vega.colours("whose", list(labels)),
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
        spec=vega.spec({"values": values}, layer=[bars]),
    )


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
