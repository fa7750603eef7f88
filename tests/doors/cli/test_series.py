"""`trueup run` for many runs, `trueup runs compare` and `trueup schedule` on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import HERE, Trueup, git

MANY = """\
from trueup import data, pipeline, step


@step
def score(rows, x: float, partition: str) -> dict[str, float]:
    if partition == "2013-03":
        raise ValueError("no rows in March")
    return {"score": rows.height - (x - 0.3) ** 2}


@pipeline(partitions="monthly", start="2013-01", schedule="30 3 * * *", timezone="Europe/Paris")
def monthly(partition: str, x: float = 0.5):
    score(data("rows"), x, partition)


@pipeline(on=("data:rows", "alert.raised"))
def scoring(x: float = 1.0, times: int = 1):
    score(data("rows"), x, "all")
"""


@pytest.fixture
def many(project: Path) -> Path:
    """A project with a pipeline of partitions and one of parameters."""
    (project / "pipelines" / "many.py").write_text(MANY)
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "more pipelines")
    return project


def test_a_back_fill_ends_with_a_summary_and_says_what_failed(many: Path, trueup: Trueup) -> None:
    filled = trueup("run", "monthly", "--partition", "2013-02..2013-04", *HERE)
    assert filled.code == 7
    assert re.search(r"2013-03 +\S+ failed +run:\w+ +–? +.*no rows in March", filled.out)
    assert len(re.findall(r"2013-0\d +\S+ finished +run:", filled.out)) == 2
    assert "1 of 3 runs failed" in filled.err
    assert "trueup run monthly --partition 2013-02..2013-04" in filled.err
    again = trueup("run", "monthly", "--partition", "2013-02,2013-04", *HERE)
    assert again.code == 0
    assert again.err.count("was done before") == 2


def test_a_back_fill_as_data_is_one_document(many: Path, trueup: Trueup) -> None:
    filled = trueup("run", "monthly", "--partition", "2013-02..2013-03", "--json", *HERE)
    assert filled.code == 7
    states = [outcome["state"] for outcome in filled.data["outcomes"]]  # type: ignore[index]
    assert states == ["finished", "failed"]


def test_a_sweep_ends_with_its_runs_side_by_side(many: Path, trueup: Trueup) -> None:
    swept = trueup(
        "run",
        "scoring",
        "--sweep",
        "x=0.1,0.3",
        "--sweep",
        "times=1..2",
        "--by",
        "score:max",
        *HERE,
    )
    assert swept.code == 0, swept.err
    assert re.match(r"run +times +x +score +state +took *\n", swept.out)
    assert re.search(r"^run:\w+ best +\d +0\.3 ", swept.out, re.MULTILINE)
    assert "   4 of 4  finished" in swept.err
    run = re.findall(r"run:\w+", swept.out)
    shown: Any = trueup("runs", "show", run[0], "--json").data
    sweep = shown["run"]["sweep"]
    compared = trueup("runs", "compare", "--sweep", sweep, "--by", "score:max")
    assert compared.out == swept.out
    two: Any = trueup("runs", "compare", *run[:2], "--json").data
    assert [each["run"] for each in two["runs"]] == [r.removeprefix("run:") for r in run[:2]]


def test_a_search_runs_as_often_as_it_is_told(many: Path, trueup: Trueup) -> None:
    pytest.importorskip("optuna")
    searched = trueup(
        "run",
        "scoring",
        "--search",
        "4",
        "--by",
        "score:max",
        "x=0.01..10:log",
        "times=1..3",
        *HERE,
    )
    assert searched.code == 0, searched.err
    assert len(re.findall(r"^run:", searched.out, re.MULTILINE)) == 4
    more: Any = trueup(
        *("run", "scoring", "--search", "5", "--by", "score:max", "x=0.01..10:log"),
        *("times=1..3", "--json", *HERE),
    ).data
    states = [outcome["state"] for outcome in more["outcomes"]]
    assert states == ["skipped"] * 4 + ["finished"]


@pytest.mark.parametrize(
    "line",
    [
        "run monthly --partition 2013-01..2013-06",
        "run scoring --sweep x=1,2,3",
        "run scoring --search 9 --by score:max x=0..1",
    ],
)
def test_a_dry_run_runs_nothing(many: Path, trueup: Trueup, line: str) -> None:
    planned = trueup(*line.split(), "--dry-run")
    assert planned.code == 0, planned.err
    assert "Nothing was run." in planned.err
    assert trueup(*line.split(), "--dry-run", "--json").code == 0
    assert trueup("runs", "list", "--json").data == {"runs": [], "tracked": [], "next": ""}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("run scoring --sweep x=1..", "sweep-malformed"),
        ("run scoring --sweep y=1,2", "pipeline-parameter"),
        ("run scoring --sweep x=a,b", "pipeline-parameter"),
        ("run scoring --sweep x=1,2 -p x=3", "options-contradict"),
        ("run scoring --sweep x=1,2 --partition 2013-01", "options-contradict"),
        ("run scoring --search 3 x=0..1", "options-contradict"),
        ("run scoring x=0..1", "options-contradict"),
        ("run scoring --search 3 --by score:max", "sweep-malformed"),
        ("run scoring --search 3 --by score:max y=0..1", "pipeline-parameter"),
        ("run scoring --search 3 --by score x=0..1", "objective-malformed"),
        ("run scoring --partition 2013-01", "partition-none"),
        ("run monthly --partition 2012-01", "partition-unknown"),
        ("run monthly --partition 2013-01 -p partition=2013-02", "options-contradict"),
        ("runs compare", "nothing-to-compare"),
        ("runs compare --sweep nothing", "sweep-not-found"),
        ("runs compare run:nothing1", "run-not-found"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_runs(
    many: Path, trueup: Trueup, line: str, code: str
) -> None:
    refused: Any = trueup(*line.split(), "--json")
    assert refused.code in (2, 3)
    assert refused.data["code"] == code
    assert trueup("runs", "list", "--json").data == {"runs": [], "tracked": [], "next": ""}


# --- schedules


def test_what_runs_by_itself_is_listed_with_its_next_moment(many: Path, trueup: Trueup) -> None:
    listed = trueup("schedule", "list")
    assert re.search(
        r"monthly +30 3 \* \* \* Europe/Paris +– +latest +\w{3} \S+ 03:30 CES?T", listed.out
    )
    assert re.search(r"scoring +– +data:rows, alert\.raised", listed.out)
    facts: Any = trueup("schedule", "list", "--json").data
    assert [fact["pipeline"] for fact in facts] == ["monthly", "scoring"]


def test_the_next_slots_are_shown_in_both_clocks(many: Path, trueup: Trueup) -> None:
    coming = trueup("schedule", "next", "monthly", "--count", "3")
    assert (
        len(re.findall(r"^monthly +\w{3} \S+ 03:30 CES?T +\S+ 0[12]:30$", coming.out, re.MULTILINE))
        == 3
    )
    data: Any = trueup("schedule", "next", "--json", "--count", "2").data
    assert [(each["pipeline"], len(each["slots"])) for each in data] == [("monthly", 2)]


def test_a_pipeline_is_paused_with_a_reason_and_resumed(many: Path, trueup: Trueup) -> None:
    assert trueup("schedule", "pause", "monthly", "--reason", "the source is down").code == 0
    assert "the source is down" in trueup("schedule", "list").out
    assert trueup("schedule", "resume", "monthly").code == 0
    assert "the source is down" not in trueup("schedule", "list").out
    unknown: Any = trueup("schedule", "pause", "montly", "--json")
    assert (unknown.code, unknown.data["code"]) == (3, "pipeline-not-found")
    assert "Did you mean 'monthly'" in unknown.data["detail"]


def test_nothing_waits_at_first(many: Path, trueup: Trueup) -> None:
    assert "Nothing waits." in trueup("schedule", "queue").err
    assert trueup("schedule", "queue", "--all", "--json").data == []


def test_a_broken_file_is_noted_and_the_others_are_listed(many: Path, trueup: Trueup) -> None:
    (many / "pipelines" / "broken.py").write_text("import nothing_of_that_name\n")
    listed = trueup("schedule", "list")
    assert listed.code == 0
    assert "nothing_of_that_name" in listed.err
    assert "monthly" in listed.out
