"""A run on a server, asked for from a build elsewhere: its log and its end are the build's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trueup.doors.cli import main

from .conftest import git

PIPELINE = """
from trueup import pipeline, step

@step(cache=False)
def talk(times: int) -> int:
    for number in range(times):
        print("line", number)
    return 10 // times

@pipeline
def talking(times: int = 1):
    talk(times)
"""
BUILD = {
    "JENKINS_URL": "x",
    "JOB_NAME": "Team/train",
    "BUILD_NUMBER": "7",
    "BUILD_URL": "http://ci/7",
}


@pytest.fixture
def server(project: Path, process: Any) -> Iterator[str]:
    """A running server of a project, by its address."""
    (project / "pipelines" / "talking.py").write_text(PIPELINE)
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "talk")
    running = process(project, "up", "--port", "0", "--json")
    yield msgspec.json.decode(running.stdout.readline())["listening"]
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)


@pytest.mark.slow
def test_a_build_has_a_server_run_a_pipeline(
    server: str, trueup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in BUILD.items():
        monkeypatch.setenv(name, value)
    done = trueup("run", "talking", "-p", "times=2", "--server", server)
    assert (done.code, done.out) == (0, "talk | line 0\ntalk | line 1\n")
    again = trueup("run", "talking", "-p", "times=2", "--server", server, "--json")
    run = again.data["run"]
    assert f"run:{run['id']}" in done.err  # asked again by the same build, it is the same run
    assert run["caused_by"] == "call:talking:jenkins:Team/train#7"
    assert "http://ci/7" in run["reason"]
    monkeypatch.setenv("BUILD_NUMBER", "8")
    failed = trueup("run", "talking", "-p", "times=0", "--server", server)
    assert failed.code == 7
    assert "ZeroDivisionError" in failed.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), "pipeline-unnamed"), (("talking", "--from", "talk"), "run-options")],
)
def test_what_a_server_cannot_do_is_refused(trueup: Any, arguments: Any, code: str) -> None:
    refused = trueup("run", *arguments, "--server", "http://127.0.0.1:1")
    assert refused.code == 2
    assert code in refused.err


def test_the_end_that_a_server_asks_for_is_that_of_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def aborted(_arguments: list[str]) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it goes on")

    monkeypatch.setattr(main, "_called", aborted)
    before = signal.signal(signal.SIGTERM, main._terminated)
    try:
        assert main.run(["run"]) == 143
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "Stopped" in capsys.readouterr().err
