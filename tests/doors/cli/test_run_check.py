"""What is told before a run: every pipeline is looked at, and a step finds its pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import HERE, Trueup, git

SEVERAL = """\
import threading

from trueup import choose, pipeline, step

LOCK = threading.Lock()


@step
def number(n: int) -> int:
    return n


@step
def is_even(n: int) -> bool:
    return n % 2 == 0


@step
def numbers(n: int) -> list[int]:
    return list(range(n))


@step
def is_odd(n: int) -> bool:
    return n % 2 == 1


@step
def locked(n: int) -> int:
    with LOCK:
        return n


@pipeline
def deciding(n: int = 2):
    found = number(n)
    choose(is_even(found), then=lambda: number(1))
    is_odd.map(numbers(n))


@pipeline
def locking():
    locked(1)
"""


@pytest.fixture
def several(fresh: Path) -> Path:
    (fresh / "pipelines" / "several.py").write_text(SEVERAL)
    git(fresh, "add", ".")
    git(fresh, "commit", "--quiet", "-m", "more pipelines")
    return fresh


def test_without_a_name_every_pipeline_is_checked(several: Path, trueup: Trueup) -> None:
    checked = trueup("run", "--check")
    assert checked.code == 0
    assert [line.partition(":")[0] for line in checked.out.splitlines()] == [
        *("counting", "deciding", "locking")
    ]
    assert "pipelines/several.py:43: step 'locked' runs every time: it cannot be" in checked.err


def test_what_is_wrong_is_told_of_all_pipelines_at_once(several: Path, trueup: Trueup) -> None:
    with (several / "pipelines" / "several.py").open("a") as file:
        file.write("\n\n@pipeline\ndef saying():\n    number(f'{number(1)}')\n")
        file.write("\n\n@pipeline\ndef taking():\n    number('one')\n")
    checked = trueup("run", "--check")
    assert checked.code == 2
    assert "2 pipelines cannot run:" in checked.err
    assert "several.py:48: the result of step 'number' is used as text" in checked.err
    assert "several.py:53: step 'number' takes int as 'n'" in checked.err


def test_a_step_that_one_pipeline_calls_needs_no_more_words(several: Path, trueup: Trueup) -> None:
    assert trueup("explain-cache", "is_even", "-p", "n=4").out.startswith("is_even")
    assert "No pipeline calls a step 'odd'" in trueup("explain-cache", "odd").err
    (several / "pipelines" / "copy.py").write_text(
        "from pipelines.several import is_even\nfrom trueup import pipeline\n\n\n"
        "@pipeline\ndef again():\n    is_even(1)\n"
    )
    twice = trueup("explain-cache", "is_even")
    assert "Several pipelines call the step 'is_even': again and deciding" in twice.err
    assert "explain-cache is_even --pipeline again" in twice.err


def test_a_choice_is_no_step_that_ran(several: Path, trueup: Trueup) -> None:
    assert "5 steps ran, 0 reused." in trueup("run", "deciding", *HERE).err
    assert "0 steps ran, 5 reused." in trueup("run", "deciding", *HERE).err


def test_the_items_of_a_step_over_a_list_are_no_difference(several: Path, trueup: Trueup) -> None:
    trueup("run", "deciding", *HERE)
    unchanged = trueup("explain-cache", "is_odd").out
    assert "It would be reused" in unchanged
    assert "differs in" not in unchanged
    code = several / "pipelines" / "several.py"
    code.write_text(code.read_text().replace("n % 2 == 1", "n % 2 != 0"))
    explained = trueup("explain-cache", "is_odd", "--json").data
    assert explained["differences"] == ["code of pipelines/several.py:is_odd changed"]  # type: ignore[index]
