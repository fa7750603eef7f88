"""The project that the demo leaves is a user's own: its tests pass and every command works."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def project(own_journey: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The journey's folder, which is the current one."""
    monkeypatch.chdir(own_journey.folder)
    return own_journey


def test_its_tests_pass(project: Any) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pytest")), "-q", "-p", "no:cacheprovider"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_tree_is_clean_and_keeps_state_out_of_git(project: Any) -> None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=project.folder, capture_output=True, text=True, check=True
        ).stdout

    assert git("status", "--porcelain") == ""
    assert git("ls-files").split() == [
        ".gitignore",
        "pipelines/flights.py",
        "tests/test_flights.py",
        "trueup.toml",
    ]
    assert git("log", "--format=%an").split() == ["Ana"]


def test_only_its_owner_may_read_its_state(project: Any) -> None:
    assert project.home.stat().st_mode & 0o777 == 0o700
    assert (project.home / "keys" / "signing.key").stat().st_mode & 0o777 == 0o600


def test_why_walks_from_the_printed_prediction_to_the_plan(
    project: Any, trueup: Callable[..., Any]
) -> None:
    prediction = project.summary["a_prediction"]
    shown = trueup("why", prediction)
    assert shown.code == 0, shown.err
    run = project.row(
        'SELECT run, "commit" FROM model_versions JOIN runs ON runs.id = run WHERE version = 1'
    )
    for link in (prediction, "release:late-arrivals@1", "flights@1", f"run:{run['run']}", "ben"):
        assert link in shown.out
    assert run["commit"][:7] in shown.out
    chain = json.loads(trueup("why", prediction, "--json").out)
    assert prediction.removeprefix("prediction:") in json.dumps(chain)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status",), "late-arrivals"),
        (("plan", "show"), "Warn passengers of a late arrival"),
        (("audit", "verify"), "signed and unchanged"),
        (("runs", "list"), "flights"),
        (("model", "show", "flights@1"), "✓ passed"),
        (("deployment", "show", "late-arrivals"), "flights@1"),
        (("data", "list"), "weather"),
        (("data", "status"), "flights"),
        (("data", "log", "flights"), "data:flights@1"),
        (("data", "remotes"), "✓ reached"),
        (("data", "gc", "--dry-run"), "model versions"),
        (("explain-cache", "features"), "pipelines/flights.py:clock"),
        (("run", "--dry-run"), "5 would be reused"),
        (("doctor",), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_commands_answer(
    arguments: tuple[str, ...], said: str, project: Any, trueup: Callable[..., Any]
) -> None:
    shown = trueup(*arguments)
    assert shown.code == 0, shown.err
    assert said in shown.out + shown.err


def test_its_pipeline_runs_again_from_the_cache(project: Any, trueup: Callable[..., Any]) -> None:
    again = trueup("run", "flights", "--json")
    assert again.code == 0, again.err
    newest = project.rows("SELECT id FROM runs ORDER BY started_at")[-1]["id"]
    steps = project.rows("SELECT step, cached FROM step_runs WHERE run = ?", newest)
    assert len(steps) == 5 and all(step["cached"] for step in steps)
