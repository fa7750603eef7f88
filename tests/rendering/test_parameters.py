"""Charts of parameters: what is put where, and which run is told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from trueup.rendering import parameters
from trueup.rendering.parameters import Trial
from trueup.rendering.svg import svg


def trials(*values: Mapping[str, Any]) -> list[Trial]:
    return [Trial(run=f"r{n}", values=each, metric=float(n)) for n, each in enumerate(values)]


def layer(chart: Any, number: int = 0) -> Any:
    return chart.spec["layer"][number]


@pytest.mark.parametrize(
    ("values", "kind", "scale"),
    [
        ([2, 4, 6], "quantitative", "linear"),
        ([0.001, 0.3], "quantitative", "log"),
        ([0, 0.3], "quantitative", "linear"),
        (["tree", "linear"], "nominal", None),
        ([1, "auto"], "nominal", None),
        ([True, False], "nominal", None),
        ([1, None], "nominal", None),
    ],
)
def test_a_parameter_is_placed_by_what_its_values_are(
    values: list[Any], kind: str, scale: str | None
) -> None:
    chart = parameters.against("p", "loss", trials(*({"p": value} for value in values)))
    x = layer(chart)["encoding"]["x"]
    assert x["type"] == kind
    assert x.get("scale", {}).get("type") == scale


def test_the_first_trial_is_the_best_and_is_said_in_words() -> None:
    chart = parameters.against("rate", "loss", trials(*({"rate": n / 8} for n in range(9))))
    ranks = [row["rank"] for row in chart.spec["data"]["values"]]
    assert ranks == ["the best", *["the best quarter"] * 2, *["the others"] * 6]
    assert chart.summary == "9 runs. The best has rate 0 and reaches 0."
    assert chart.rows[-1] == ("r0", "0", "0")


def test_all_parameters_stand_between_their_smallest_and_largest_value() -> None:
    found = trials(
        {"rate": 0.001, "kind": "a"}, {"rate": 0.01, "kind": "b"}, {"rate": 0.1, "kind": "c"}
    )
    chart = parameters.together(["rate", "kind"], "loss", found)
    heights = {
        (row["run"], row["axis"]): round(row["height"], 6) for row in chart.spec["data"]["values"]
    }
    assert heights["r1", "rate"] == heights["r1", "kind"] == heights["r1", "loss"] == 0.5
    assert heights["r2", "rate"] == 1.0
    marks = [m["word"] for m in layer(chart, 1)["data"]["values"] if m["axis"] == "rate"]
    assert marks == ["0.001", "0.01", "0.1"]


def test_one_value_everywhere_stands_in_the_middle() -> None:
    chart = parameters.together(["n"], "loss", trials({"n": 3}, {"n": 3}))
    assert {row["height"] for row in chart.spec["data"]["values"] if row["axis"] == "n"} == {0.5}


@pytest.mark.slow
def test_both_can_be_drawn_and_follow_the_readers_colours() -> None:
    found = trials({"rate": 0.1, "kind": "<b>"}, {"rate": 0.2, "kind": "c"})
    for chart in (
        parameters.against("kind", "loss", found),
        parameters.together(["rate", "kind"], "loss", found),
    ):
        drawn = svg(chart.spec)
        assert "prefers-color-scheme:dark" in drawn
        assert "<b>" not in drawn
