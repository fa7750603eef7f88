"""Tests of a model are plain functions of pytest; `candidate` is what they are about."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = str(Path(__file__).parents[3] / "src")
MODEL_TESTS = """\
def test_answers_are_probabilities(candidate):
    assert candidate.ref == "lumps@1"
    assert ((candidate.scores >= 0) & (candidate.scores <= 1)).all()
    assert candidate.check("answers").passed


def test_the_same_rows_get_the_same_answers(candidate):
    assert (candidate.predict(candidate.rows) == candidate.scores).all()


def test_it_is_never_wrong(candidate):
    found = candidate.check("limit", metric="accuracy", at_least=0.9999, min_rows=10)
    assert found.passed, str(found)


def test_rows_in_memory(check_data, check_model, candidate):
    assert check_model(
        candidate.predict, candidate.rows, label=candidate.label, checks=["answers"]
    ).passed
"""


def said_by_pytest(
    root: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What pytest says in a project, in a process of its own."""
    settings = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-W", "ignore")
    plugin = ("-p", "trueup.testing.plugin")  # an installation finds it by itself
    return subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *plugin, *options, "tests/model"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": SOURCES} | environment,
    )


@pytest.fixture
def judged(lived: Path) -> Path:
    """A project with tests of its model."""
    folder = lived / "tests" / "model"
    folder.mkdir(parents=True)
    (folder / "test_lumps.py").write_text(MODEL_TESTS)
    return lived


@pytest.mark.slow
def test_tests_see_the_version_that_is_named(judged: Path) -> None:
    ran = said_by_pytest(judged, TRUEUP_MODEL="lumps@1")
    assert "3 passed" in ran.stdout, ran.stdout
    assert "1 failed" in ran.stdout
    assert "limit: accuracy is" in ran.stdout
    unknown = said_by_pytest(judged, "--trueup-model", "lumps@9")
    assert "lumps" in unknown.stdout + unknown.stderr
    assert "hint:" in unknown.stdout + unknown.stderr
