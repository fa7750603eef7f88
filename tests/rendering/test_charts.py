"""Charts: each has words, a table and a picture that say the same."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from trueup.foundation.records import encode
from trueup.rendering import charts, svg, vega
from trueup.rendering.charts import Chart, Mark, Sample

START = datetime(2026, 4, 6, tzinfo=UTC)
WEEK = timedelta(days=7)


def sample(week: int, value: float | None, **changes: object) -> Sample:
    return Sample(at=START + week * WEEK, value=value, series="flights@1", rows=500, **changes)  # type: ignore[arg-type]


def declining() -> Chart:
    samples = [
        sample(0, None, state="not-enough-data"),
        sample(1, 0.71, low=0.69, high=0.73),
        sample(2, 0.66, low=0.63, high=0.69),
        sample(3, 0.60, low=0.57, high=0.63, state="breach"),
    ]
    return charts.line(
        "accurate-watch",
        "Ranking",
        samples,
        limit=0.64,
        limit_words="at least 0.64",
        marks=[Mark(at=START, label="flights@1")],
    )


def test_a_line_says_its_range_its_limit_its_breaches_and_its_changes() -> None:
    assert declining().summary == (
        "3 values from 13 Apr 2026 to 27 Apr 2026, between 0.6 and 0.71, last 0.6. "
        "The limit is at least 0.64. 1 breach, first on 27 Apr 2026. "
        "Changes: flights@1 on 6 Apr 2026."
    )


def test_the_table_of_a_line_has_every_sample_even_those_without_a_value() -> None:
    chart = declining()
    assert len(chart.rows) == 4
    assert all(len(row) == len(chart.columns) for row in chart.rows)
    assert chart.rows[0][2:4] == ("not enough data", "–")
    assert chart.rows[3] == (
        "27 Apr 2026, 00:00 UTC",
        "flights@1",
        "breach",
        "0.6",
        "0.57",
        "0.63",
        "500",
    )


def test_a_verdict_is_told_by_shape_and_not_by_colour_alone() -> None:
    points = declining().spec["layer"][-1]["encoding"]["shape"]["scale"]
    assert dict(zip(points["domain"], points["range"], strict=True)) == {
        "breach": "cross",
        "ok": "circle",
    }


def test_a_line_without_values_says_so() -> None:
    assert charts.line("x", "Ranking", []).summary == "No value yet."


def test_shares_add_up_and_name_each_part() -> None:
    chart = charts.shares(
        "traffic", "Requests", [(START, {"a": 30.0, "b": 10.0}), (START + WEEK, {"a": 60.0})]
    )
    assert chart.summary == "Over the whole time: a 90 % and b 10 %."
    assert chart.columns == ("When", "a (rows)", "b (rows)")
    assert chart.rows[1][1:] == ("60", "0")


def test_a_histogram_compares_shares_of_different_totals() -> None:
    chart = charts.histogram("hour", "Hour", ["am", "pm"], [10, 30], [200, 200])
    assert chart.rows == (("am", "25 %", "50 %", "+25"), ("pm", "75 %", "50 %", "−25"))
    assert "am from 25 % to 50 %" in chart.summary


def test_a_histogram_without_rows_divides_by_nothing() -> None:
    assert charts.histogram("hour", "Hour", ["am"], [0], [0]).rows[0][1:3] == ("0 %", "0 %")


@pytest.mark.slow
def test_a_picture_is_well_formed_follows_the_colour_scheme_and_is_kept() -> None:
    spec = declining().spec
    drawn = svg.svg(spec)
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert "prefers-color-scheme:dark" in drawn
    assert f'"{vega.LIMIT}"' not in drawn
    assert "at least 0.64" in drawn
    assert svg.svg(dict(spec)) is drawn


def test_equal_data_gives_equal_specs() -> None:
    assert encode(declining().spec) == encode(declining().spec)


def test_the_least_recently_used_picture_goes_first() -> None:
    pictures = svg._Pictures(2)
    pictures.put("a", "A")
    pictures.put("b", "B")
    assert pictures.get("a") == "A"
    pictures.put("c", "C")
    assert (pictures.get("a"), pictures.get("b"), pictures.get("c")) == ("A", None, "C")


@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_of_a_chart_can_be_read_on_its_ground(dark: bool) -> None:
    ground = "#191f27" if dark else "#ffffff"
    for light, (name, twin) in svg._TWINS.items():
        if name != "rule":  # the grid is meant to be faint
            assert _contrast(twin if dark else light, ground) >= 4.5, name


def _contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
