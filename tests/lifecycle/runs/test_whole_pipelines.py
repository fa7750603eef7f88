"""Fan-out, choices, programs, files and frames of several kinds, together in real runs."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.pipeline.passing import values
from trueup.lifecycle.runs.service import Runs

PIPELINE = """
    from pathlib import Path

    import pandas as pd
    import polars as pl

    from trueup import choose, data, each, pipeline, sh, step

    @step
    def months(flights: Path, many: int) -> list[int]:
        assert flights.suffix == ".csv" and flights.read_text().startswith("delay")
        return list(range(many))

    @step
    def rows_of(month: int, flights: pd.DataFrame) -> pl.DataFrame:
        assert isinstance(flights, pd.DataFrame)
        return pl.DataFrame({"month": [month], "delay": [int(flights["delay"].iloc[month])]})

    @step
    def total(parts: list[pl.DataFrame]) -> int:
        return sum(part["delay"].sum() for part in parts)

    @step
    def is_large(number: int, limit: int = 100) -> bool:
        return number > limit

    @step
    def named(name: str, number: int) -> str:
        return f"{name} {number}"

    @step
    def lengths(texts: dict[str, Path], number: int) -> list[int]:
        return [len(file.read_text()) for file in texts.values()] + [number]

    @pipeline
    def flights(many: int = 3, limit: int = 100):
        parts = rows_of.map(months(data("flights"), many), flights=data("flights"))
        summed = total(parts)
        word = choose(
            is_large(summed, limit),
            then=lambda: named("large", summed),
            otherwise=lambda: choose(
                is_large(summed, 10),
                then=lambda: named("middling", summed),
                otherwise=lambda: named("small", summed),
            ),
        )
        made = sh("cp {word} {copy}", inputs={"word": word}, outputs={"copy": "copy.txt"})
        lengths({"a": made["copy"], "b": made["copy"]}, summed)
"""


@pytest.fixture
def whole(project: Any) -> Any:
    project.write(PIPELINE)
    return project


def results(project: Any, state: Any, run: Any) -> dict[str, Any]:
    """What each step returned that can be read without a place to lay it."""
    steps = Runs(state).show(project.actor, run.id).steps
    return {s.step: values.load(state.blobs, s.outputs) for s in steps if s.outputs is not None}


@pytest.mark.parametrize(
    ("many", "limit", "word", "skipped"),
    [
        (3, 100, "large 110", {"is_large-2", "named-2", "named-3", "choose"}),
        (3, 500, "middling 110", {"named", "named-3"}),
        (1, 500, "small 5", {"named", "named-2"}),
        (0, 500, "small 0", {"named", "named-2"}),
    ],
)
def test_everything_works_together(
    whole: Any, state: Any, many: int, limit: int, word: str, skipped: set[str]
) -> None:
    run = whole.run({"many": many, "limit": limit})
    found = results(whole, state, run)
    assert len(found["rows_of"]) == many
    assert found["choose-2" if "choose" in skipped else "choose"] is not None
    assert found["lengths"] == [len(word), len(word), int(word.split()[1])]
    assert {step for step, state in whole.outcome().items() if state == "skipped"} == skipped
    again = whole.run({"many": many, "limit": limit})
    assert results(whole, state, again)["lengths"] == found["lengths"]
    assert set(whole.outcome().values()) <= {"reused", "skipped", "finished"}
    assert "finished" not in {whole.outcome()[s] for s in ("months", "total", "cp", "lengths")}


def test_one_more_item_runs_one_more_call(whole: Any, state: Any) -> None:
    whole.run({"many": 2})
    run = whole.run({"many": 3})
    assert len(results(whole, state, run)["rows_of"]) == 3
    ran = [p.step for p in whole.progress if p.step.startswith("rows_of") and p.state == "finished"]
    assert "rows_of[0]" not in ran


def test_a_failing_item_is_named(whole: Any) -> None:
    with pytest.raises(UserCodeError, match=r"rows_of\[5\]"):
        whole.run({"many": 6})


@pytest.mark.slow
def test_the_same_in_processes_of_their_own(whole: Any, state: Any) -> None:
    run = whole.run(engine="processes://")
    assert results(whole, state, run)["lengths"] == [9, 9, 110]
