"""Before a run: everything that can be known to be wrong is told at once, with file and line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trueup import data, pipeline, secret, sh, step
from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import checking
from trueup.lifecycle.pipeline.checking import Machine

SMALL = Machine(cpus=2, memory=8 << 30)


@step
def work(value: Any) -> int:
    return 1


@step(cache=False)
def uncached(value: Any) -> int:
    return 1


@step
def train(rows: pl.DataFrame, depth: int = 6) -> float:
    return 0.5


def found(function: Any, root: Path, **parameters: Any) -> list[tuple[str, int]]:
    """The code of each problem, and the line after `def` where it is."""
    made = pipeline(function)
    graph = made.trace(parameters, root)
    problems = checking.problems(graph, root, {"rows"}, SMALL)
    for problem in problems:
        assert problem.hint
        assert problem.message.startswith(("test_checking.py:", "The parameter"))
    first = function.__code__.co_firstlineno
    return [(p.code, p.context.get("line", first) - first) for p in problems]


def test_a_sound_pipeline_has_no_problems(tmp_path: Path) -> None:
    (tmp_path / "rows.sql").write_text("select 1")
    limit = 3

    @step(depends_on="rows.sql", cpus=2, memory="8GB")
    def asking(value: Any) -> dict[str, int]:
        return {"a": limit}

    def flights() -> None:
        train(data("rows"), 4)
        asking(None)
        work([1, {"a": (2.5, "x")}])
        work(functools.partial(max, 3))
        work(lambda row: row + limit)
        work(Path)
        uncached(Path("anything"))

    assert found(flights, tmp_path) == []
    assert len(checking.checked(pipeline(flights), {}, tmp_path, {"rows"}).nodes) == 7


def test_all_problems_are_told_at_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_SECRET_KNOWN", "canary-77aa00bb")

    @step(depends_on=["gone.sql"], cpus=64, memory="1TB", gpus=1, secrets=["ABSENT"])
    def greedy(value: Any) -> set[int]:
        return {1}

    def flights(token: str = "") -> None:
        train(data("rowz"))
        train(data("rows"), depth="six")  # type: ignore[arg-type]
        train(data("rows"), deep=4)  # type: ignore[call-arg]
        work(kept_open)
        work(x for x in "ab")
        work(iter([1]))
        work([Path("rows.csv")])
        greedy(secret("OTHER"))
        sh("cat {a}", inputs={"a": "absent.txt"})

    with Path(__file__).open() as kept_open:
        problems = found(flights, tmp_path, token="canary-77aa00bb")
    assert problems == [
        ("parameter-secret", 0),
        ("dataset-unknown", 1),
        ("pipeline-type", 2),
        ("pipeline-argument", 3),
        ("argument-unusable", 4),
        ("argument-unusable", 5),
        ("argument-unusable", 6),
        ("argument-unusable", 7),
        ("secret-missing", 8),
        ("secret-missing", 8),
        ("step-file-missing", 8),
        ("result-unusable", 8),
        ("step-too-large", 8),
        ("step-too-large", 8),
        ("step-too-large", 8),
        ("step-file-missing", 9),
    ]


def test_one_error_lists_them(tmp_path: Path) -> None:
    def flights() -> None:
        train(data("rowz"))
        work(x for x in "ab")

    with pytest.raises(UsageError) as caught:
        checking.checked(pipeline(flights), {}, tmp_path, {"rows"})
    assert caught.value.code == "pipeline-problems"
    assert caught.value.message.startswith("2 things are wrong, and nothing was run:\n  test_check")
    assert "Did you mean 'rows'" in caught.value.message
    assert [p["code"] for p in caught.value.context["problems"]] == [
        "dataset-unknown",
        "argument-unusable",
    ]


def test_a_value_that_cannot_be_fingerprinted_is_named(tmp_path: Path) -> None:
    import threading

    def flights() -> None:
        work(threading.Lock())

    assert found(flights, tmp_path) == [("argument-unusable", 1)]


def test_a_file_that_a_link_brings_in_from_outside_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")

    @step(depends_on="out/hostname")
    def asking() -> int:
        return 1

    def flights() -> None:
        asking()

    assert found(flights, tmp_path) == [("step-file-missing", 1)]


def test_an_engine_elsewhere_knows_its_own_machines(tmp_path: Path) -> None:
    @step(cpus=64)
    def greedy() -> int:
        return 1

    def flights() -> None:
        greedy()

    graph = pipeline(flights).trace({}, tmp_path)
    assert checking.problems(graph, tmp_path, ()) == []
    assert checking.this_machine().cpus >= 1
    assert checking.this_machine().memory > 1 << 28
