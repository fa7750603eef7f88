"""`trueup diff`: all that differs between two model versions, and nothing that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import HERE, Trueup, git


@pytest.fixture
def two(lived: Path, trueup: Trueup) -> Path:
    """A project whose second version has other data, code, features and parameters."""
    rows = pl.read_csv(lived / "data/lumps.csv")
    rows.slice(7).with_columns(pl.col("radius") * 1.3).write_csv(lived / "data/lumps.csv")
    file = lived / "pipelines/example.py"
    file.write_text(
        file.read_text()
        .replace("(C=strength)", "(C=strength, max_iter=500)")
        .replace("@step\ndef split", '@step(features="lumps")\ndef split')
    )
    (lived / "notes.md").write_text("a note\n")
    git(lived, "add", ".")
    git(lived, "commit", "--quiet", "-m", "second")
    return lived


@pytest.mark.slow
def test_every_part_that_differs_is_said(two: Path, trueup: Trueup, tmp_path: Path) -> None:
    assert trueup("run", "-p", "strength=0.5", *HERE).code == 0
    page = tmp_path / "page.html"
    ran = trueup("diff", "lumps@1", "lumps@2", "--html", str(page))
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[2] == (
        "data        data:lumps@1 → data:lumps@2: 562 rows added, 569 removed, 0 changed; "
        "moved: radius (large)"
    )
    assert lines[3].endswith(", 2 files; the steps' code differs")
    assert lines[4:6] == ["    pipelines/example.py  +2 −2", "    notes.md  +1 −0  (not reached)"]
    assert "features    feature:lumps@1 is new" in lines
    assert "    strength: 1.0 → 0.5" in lines
    assert "environment the same" in lines
    assert "verdict     PASSED → not judged" in lines
    assert "max_iter" not in ran.out
    html = page.read_text(encoding="utf-8")
    assert len(html.encode()) < 500_000
    assert "pipelines/example.py" in html
    assert "max_iter=500" in trueup("diff", "lumps@1", "lumps@2", "--patch").out


@pytest.mark.slow
def test_what_was_not_committed_is_compared_too(two: Path, trueup: Trueup) -> None:
    file = two / "pipelines/example.py"
    file.write_text(file.read_text() + "# not committed\n")
    (two / "new.py").write_text("A = 1\n")
    (two / "data/more.txt").write_text("not of a dataset\n")
    assert trueup("run", "--allow-dirty", *HERE).code == 0
    found: Any = trueup("diff", "lumps@1", "lumps@2", "--json", "--patch").data
    code = found["code"]
    assert (code["dirty_before"], code["dirty_after"], code["same_steps"]) == (False, True, False)
    assert {f["path"]: (f["added"], f["removed"]) for f in code["files"]} == {
        "pipelines/example.py": (3, 2),
        "new.py": (1, 0),
        "data/more.txt": (1, 0),
        "notes.md": (1, 0),
    }
    assert "+# not committed" in code["patch"]


@pytest.mark.slow
def test_a_version_does_not_differ_from_itself(lived: Path, trueup: Trueup) -> None:
    found: Any = trueup("diff", "lumps@1", "lumps@1", "--json").data
    parts = ("data", "features", "parameters", "environment", "model")
    assert not [part for part in parts if found[part]]
    assert not found["code"]["files"]
    assert {check["difference"] for check in found["verdicts"]["checks"]} == {0.0}


def test_a_version_that_is_not_there_is_said(project: Path, trueup: Trueup) -> None:
    ran = trueup("diff", "small@1", "small@2")
    assert (ran.code, "There is no model version 'small@1'." in ran.err) == (3, True)
