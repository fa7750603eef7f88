"""What sweeps, searches and objectives say, and how runs stand side by side."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.records import Metric, Run
from trueup.lifecycle.runs.series import rules
from trueup.lifecycle.runs.series.records import Choice, Objective, Range

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.2", ["0.1", "0.2"]),
        ("0.1, 0.2 ,0.1", ["0.1", "0.2"]),
        ("2..5", ["2", "3", "4", "5"]),
        ("-1..1", ["-1", "0", "1"]),
        ("7..7", ["7"]),
        ("0..1:0.25", ["0", "0.25", "0.5", "0.75", "1"]),
        ("0.1..0.4:0.1", ["0.1", "0.2", "0.3", "0.4"]),
        ("1..6:2", ["1", "3", "5"]),
        ("gini,entropy", ["gini", "entropy"]),
        ("[[8],[8,8]]", ["[8]", "[8,8]"]),
        ('["a,b","c"]', ["a,b", "c"]),
    ],
)
def test_values_are_listed_or_stepped_through(text: str, values: list[str]) -> None:
    assert rules.axes([f"x={text}"]) == {"x": values}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "not written as NAME=VALUES"),
        ("=1", "not written as NAME=VALUES"),
        ("x=", "not written as NAME=VALUES"),
        ("x=1,,2", "a value is missing"),
        ("x=[]", "a value is missing"),
        ("x=[1", "no JSON list"),
        ("x=1..", "a number on both sides"),
        ("x=0.1..0.5", "need a step"),
        ("x=5..2", "the smaller one first"),
        ("x=1..2:0", "more than 0"),
        ("x=a..c", "'a' is no number"),
        ("x=0..nan", "no finite number"),
        ("x=0..1e99", "no finite number"),
        ("x=0..1000000", "at most 10,000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        rules.axes([text])
    assert refused.value.code == "sweep-malformed"


def test_a_parameter_twice_or_too_many_combinations_are_refused() -> None:
    with pytest.raises(UsageError, match="there twice"):
        rules.axes(["x=1", "x=2"])
    with pytest.raises(UsageError, match="101 x 100 = 10,100 combinations"):
        rules.axes(["x=0..100", "y=1..100"])


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)
    )
)
def test_a_grid_is_every_combination_once_in_order(axes: dict[str, list[int]]) -> None:
    texts = {name: [str(value) for value in values] for name, values in axes.items()}
    found = rules.grid(texts)
    assert len(found) == math.prod(len(values) for values in axes.values())
    assert [tuple(each.values()) for each in found] == list(itertools.product(*texts.values()))
    assert all(list(each) == list(axes) for each in found)


@given(st.integers(-500, 500), st.integers(0, 60), st.integers(1, 9), st.integers(0, 3))
def test_steps_are_exact(first: int, count: int, step: int, places: int) -> None:
    unit = 10**places
    text = f"x={first / unit:.{places}f}..{(first + count * step) / unit:.{places}f}"
    (values,) = rules.axes([f"{text}:{step / unit:.{places}f}"]).values()
    assert [round(float(v) * unit, 6) for v in values] == [
        first + number * step for number in range(count + 1)
    ]


# --- searches

TYPES = {"lr": float, "depth": int, "kind": str, "layers": list[int]}


def space(*given: str) -> Any:
    def read(name: str, text: str) -> Any:
        return text if TYPES[name] is str else float(text)

    return rules.space(given, TYPES.__getitem__, read)


def test_a_space_follows_the_types_of_the_parameters() -> None:
    assert space("lr=0.001..0.3:log", "depth=2..8", "kind=gini,entropy") == {
        "lr": Range(low=0.001, high=0.3, log=True),
        "depth": Range(low=2, high=8, whole=True),
        "kind": Choice(values=("gini", "entropy")),
    }
    assert space("lr=0..1:0.25")["lr"] == Range(low=0, high=1, step=0.25)
    assert space("lr=0.1,0.2")["lr"] == Choice(values=(0.1, 0.2))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lr=0..1:log", "begin above 0"),
        ("lr=1..1", "the larger one"),
        ("depth=1.5..3", "a whole number"),
        ("kind=1..3", "only whole and other numbers"),
        ("lr=0..1:-1", "more than 0"),
        ("lr=0..1:logs", "'logs' is no number"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        space(text)
    with pytest.raises(UsageError, match="at least one parameter"):
        space()


# --- the better of two


def direction(metric: str) -> str:
    return {"roc_auc": "higher", "brier": "lower"}.get(metric, "")


def test_an_objective_is_a_metric_and_a_direction() -> None:
    assert rules.objective("profit:max", direction) == Objective(metric="profit", direction="max")
    assert rules.objective("fit.brier", direction).direction == "min"
    assert rules.objective("roc_auc:min", direction).direction == "min"
    for wrong in ("profit", ":max", "profit:most", ""):
        with pytest.raises(UsageError, match="does not say which"):
            rules.objective(wrong, direction)


def run(id_: str, **parameters: Any) -> Run:
    return Run(
        id=id_,
        pipeline="p",
        model="",
        state="finished",
        parameters=parameters,
        commit="",
        dirty=False,
        code="",
        data={},
        environment="",
        caused_by="",
        started_by="olga",
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=2),
    )


def metric(run: str, name: str, value: float, step: str = "fit") -> Metric:
    return Metric(run=run, step=step, name=name, value=value, at=NOON)


def test_runs_show_what_differs_and_the_best_comes_first() -> None:
    runs = [run("a", lr=0.1, depth=2), run("b", lr=0.2, depth=2), run("c", lr=0.3, depth=2)]
    metrics = {"a": [metric("a", "score", 0.5)], "b": [metric("b", "score", 0.75)]}
    plain = rules.compare(runs, metrics)
    assert (plain.parameters, plain.metrics, plain.best) == (("lr",), ("score",), "")
    assert [c.run for c in plain.runs] == ["a", "b", "c"]
    assert [c.metrics for c in plain.runs] == [{"score": 0.5}, {"score": 0.75}, {}]
    best = rules.compare(runs, metrics, Objective(metric="score", direction="max"))
    assert ([c.run for c in best.runs], best.best) == (["b", "a", "c"], "b")
    least = rules.compare(runs, metrics, Objective(metric="score", direction="min"))
    assert ([c.run for c in least.runs], least.best) == (["a", "b", "c"], "a")


def test_metrics_of_one_name_are_told_apart_by_their_steps() -> None:
    found = [metric("a", "score", 0.5, "fit"), metric("a", "score", 0.25, "check")]
    compared = rules.compare([run("a", lr=1)], {"a": found})
    assert compared.runs[0].metrics == {"fit.score": 0.5, "check.score": 0.25}
    with pytest.raises(UsageError, match=r"Several steps report 'score'"):
        rules.value_of(Objective(metric="score", direction="max"), found)
    assert rules.value_of(Objective(metric="check.score", direction="max"), found) == 0.25


def test_an_objective_that_nobody_reports_is_an_error_with_the_near_name() -> None:
    metrics = {"a": [metric("a", "score", 0.5)]}
    with pytest.raises(UsageError, match="Did you mean 'score'"):
        rules.compare([run("a")], metrics, Objective(metric="scores", direction="max"))


@given(
    st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=12),
    st.sampled_from(["max", "min"]),
)
def test_the_best_is_the_best(values: list[float], which: Any) -> None:
    runs = [run(f"r{number}") for number in range(len(values))]
    metrics = {r.id: [metric(r.id, "v", v)] for r, v in zip(runs, values, strict=True)}
    found = rules.compare(runs, metrics, Objective(metric="v", direction=which))
    assert found.runs[0].metrics["v"] == (max if which == "max" else min)(values)
