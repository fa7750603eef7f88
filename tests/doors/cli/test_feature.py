"""Features: what a marked step returns is a definition with versions, found again from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import HERE, Trueup, git

STEPS = '''\
import polars as pl
from trueup import data, pipeline, step


{helper}@step(features="rows")
def features(rows: pl.DataFrame) -> pl.DataFrame:
    """Twice the value."""
    return rows.with_columns(twice={twice})


@step
def count(rows: pl.DataFrame) -> dict[str, float]:
    return {{"rows": float(rows.height)}}


@pipeline
def counting(times: int = 1):
    count(features(data("rows")))
'''
PLAIN = STEPS.format(helper="", twice='pl.col("value") * 2')


def change(project: Path, text: str) -> None:
    (project / "pipelines/counting.py").write_text(text)
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--allow-empty", "-m", "change")


@pytest.mark.slow
def test_a_definition_changes_with_columns_and_code_and_is_named_by_its_run(
    project: Path, trueup: Trueup
) -> None:
    assert "No step defines features yet" in trueup("feature", "list").err
    change(project, PLAIN)
    assert trueup("run", *HERE).code == 0
    first: Any = trueup("feature", "show", "rows", "--json").data
    assert first["definition"] | {"code": ""} == {
        "name": "rows",
        "step": "features",
        "description": "Twice the value.",
        "columns": {"value": "Int64", "label": "Int64", "twice": "Int64"},
        "code": "",
        "inputs": {"rows": ["data:rows"]},
    }
    # The same again, and a comment, are no new version.
    change(project, PLAIN + "# a word\n")
    assert trueup("run", *HERE).code == 0
    assert "feature:rows@1" in trueup("feature", "list").out
    # A helper of the step is part of its code.
    helped = STEPS.format(
        helper="def double(name):\n    return pl.col(name) * 2.0\n\n\n", twice='double("value")'
    )
    change(project, helped)
    assert trueup("run", *HERE).code == 0
    ran = trueup("feature", "diff", "rows@1", "rows@2")
    assert [line.split()[0] for line in ran.out.splitlines()[2:]] == ["column", "code"]
    why = trueup("why", "feature:rows@2").out
    assert "made by run of counting" in why
    newest: Any = trueup("runs", "list", "--json").data
    runs = newest["runs"] if isinstance(newest, dict) else newest
    assert "feature:rows@2" in trueup("why", f"run:{runs[0]['id']}").out


@pytest.mark.slow
def test_what_is_no_frame_or_claimed_twice_is_refused(project: Path, trueup: Trueup) -> None:
    marked = PLAIN.replace("@step\ndef count", '@step(features="counts")\ndef count')
    change(project, marked)
    ran = trueup("run", *HERE)
    assert (ran.code, "returned a" in ran.err) == (2, True), ran
    twice = marked.replace("counts", "rows").replace(
        'return {"rows": float(rows.height)}', "return rows"
    )
    change(project, twice.replace("-> dict[str, float]", "-> pl.DataFrame"))
    assert "both define the features 'rows'" in trueup("run", *HERE).err


def test_what_is_not_there_is_said(project: Path, trueup: Trueup) -> None:
    ran = trueup("feature", "show", "rows@7")
    assert (ran.code, "There is no feature:rows@7." in ran.err) == (3, True)
