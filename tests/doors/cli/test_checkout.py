"""`trueup checkout`: what a version was made of comes back; what is not kept is never lost."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from .conftest import HERE, Trueup, git


@pytest.fixture
def two(lived: Path, trueup: Trueup) -> Path:
    """A second version: other data, code that was never committed; then the tree is clean."""
    pl.read_csv(lived / "data/lumps.csv").slice(7).write_csv(lived / "data/lumps.csv")
    git(lived, "add", ".")
    git(lived, "commit", "--quiet", "-m", "second")
    file = lived / "pipelines/example.py"
    file.write_text(file.read_text() + "# not committed\n")
    (lived / "new.py").write_text("A = 1\n")
    assert trueup("run", "--allow-dirty", "-p", "strength=0.5", *HERE).code == 0
    git(lived, "checkout", "--quiet", "--", ".")
    (lived / "new.py").unlink()
    return lived


@pytest.mark.slow
def test_a_version_comes_back_in_a_new_folder(two: Path, trueup: Trueup) -> None:
    before = {p: p.read_bytes() for p in two.rglob("*") if p.is_file() and ".trueup" not in p.parts}
    folder = two.parent / "again"
    foreseen: Any = trueup("checkout", "lumps@2", "--into", str(folder), "--dry-run", "--json").data
    assert not folder.exists()
    done: Any = trueup("checkout", "lumps@2", "--into", str(folder), "--json").data
    assert done == foreseen | {"done": True}
    assert (folder / "pipelines/example.py").read_text().endswith("# not committed\n")
    assert (folder / "new.py").read_text() == "A = 1\n"
    assert (folder / "data/lumps.csv").read_bytes() == (two / "data/lumps.csv").read_bytes()
    assert msgspec.json.decode((folder / "parameters.json").read_bytes())["strength"] == 0.5
    assert "polars==" in (folder / "requirements.txt").read_text()
    assert done["run"] == "trueup run example -p holdout_share=0.4 -p strength=0.5"
    assert "parameters.json" not in git(folder, "status", "--porcelain", "--untracked-files=all")
    # The project itself is untouched.
    assert {p: p.read_bytes() for p in before} == before
    again = trueup("checkout", "lumps@2", "--into", str(folder))
    assert (again.code, "exists already" in again.err) == (4, True)
    subprocess.run(["sh", "-c", done["undo"]], check=True)
    assert not folder.exists()


@pytest.mark.slow
def test_here_and_back_again(two: Path, trueup: Trueup) -> None:
    newer = (two / "data/lumps.csv").read_bytes()
    done: Any = trueup("checkout", "lumps@1", "--here", "--json").data
    assert len((two / "data/lumps.csv").read_bytes()) > len(newer)
    assert git(two, "rev-parse", "HEAD") == done["commit"]
    stash, back, *data = done["undo"].split(" && ")
    git(two, *stash.split()[1:])
    git(two, *back.split()[1:])
    for line in data:
        assert trueup(*line.split()[1:]).code == 0
    assert (two / "data/lumps.csv").read_bytes() == newer
    assert git(two, "symbolic-ref", "--short", "HEAD") == "main"


@pytest.mark.slow
def test_what_is_kept_nowhere_is_never_overwritten(two: Path, trueup: Trueup) -> None:
    (two / "mine.txt").write_text("mine\n")
    ran = trueup("checkout", "lumps@1", "--here")
    assert (ran.code, "mine.txt differ" in ran.err) == (4, True)
    (two / "mine.txt").unlink()
    # A file that Git ignores is in the way of one that the version had.
    (two / ".git/info/exclude").write_text("new.py\n")
    (two / "new.py").write_text("mine\n")
    head = git(two, "rev-parse", "HEAD")
    ran = trueup("checkout", "lumps@2", "--here")
    assert (ran.code, "new.py would be overwritten" in ran.err) == (4, True)
    assert (git(two, "rev-parse", "HEAD"), (two / "new.py").read_text()) == (head, "mine\n")
    # In a new folder there is nothing to lose; a file of the project's own name keeps it.
    (two / "new.py").unlink()
    (two / "requirements.txt").write_text("mine\n")
    git(two, "add", ".")
    git(two, "commit", "--quiet", "-m", "third")
    found: Any = trueup("checkout", "lumps@1", "--here", "--json").data
    assert found["requirements"] == "requirements.txt"


def test_one_place_at_a_time(lived: Path, trueup: Trueup) -> None:
    ran = trueup("checkout", "lumps@1", "--here", "--into", "elsewhere")
    assert (ran.code, "not both" in ran.err) == (2, True)
