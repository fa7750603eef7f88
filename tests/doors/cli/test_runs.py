"""`trueup run` and `trueup runs`: what steps print, parts of a pipeline, stopping, usage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from trueup.app.wiring import open_workspace

from .conftest import SOURCES, Trueup
from .test_bad_input import error_of

TALKING = """\
import os
import time
from pathlib import Path

from trueup import data, pipeline, step


@step
def talk(rows) -> list[int]:
    print("first words")
    return list(range(rows.height))


@step
def double(number: int) -> int:
    print("item", number)
    return 2 * number


@step(cache=False)
def last(found: list[int], wait: bool) -> dict[str, float]:
    Path("pid").write_text(str(os.getpid()))
    while wait:
        time.sleep(0.05)
    os.write(1, b"last words")
    return {"sum": float(sum(found))}


@pipeline
def counting(wait: bool = False):
    last(double.map(talk(data("rows"))), wait)
"""


@pytest.fixture
def talking(project: Path) -> Path:
    (project / "pipelines/counting.py").write_text(TALKING)
    with (project / "trueup.toml").open("a") as file:
        file.write('\n[costs]\ncpu_hour = 3600.0\ngb_hour = 0.0\ncurrency = "EUR"\n')
    return project


def gone(pid: int) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
def test_what_steps_print_is_shown_kept_and_read_back(talking: Path, trueup: Trueup) -> None:
    ran = trueup("run", "--allow-dirty")
    assert ran.code == 0, ran.err
    assert "talk | first words\n" in ran.err
    assert "double[2] | item 2\n" in ran.err
    assert "last | last words\n" in ran.err
    assert "3 steps ran, 0 reused" in ran.err
    with open_workspace(talking) as workspace:
        [run] = workspace.runs.list(workspace.owner).runs

    logs = trueup("runs", "logs", run.ref)
    assert logs.out.splitlines() == [
        "talk | first words",
        *(f"double[{n}] | item {n}" for n in range(3)),
        "last | last words",
    ]
    assert trueup("runs", "logs", run.ref, "double[1]").out == "double[1] | item 1\n"
    assert len(trueup("runs", "logs", run.ref, "double").out.splitlines()) == 3
    said = error_of(trueup("runs", "logs", run.ref, "duble"), "step-not-found")
    assert "Did you mean 'double'?" in said
    assert list((talking / ".trueup" / "logs").iterdir()) == []

    shown = trueup("runs", "show", run.ref)
    assert "3 items" in shown.out
    assert " EUR" in shown.out

    quiet = trueup("run", "--allow-dirty", "--no-logs", "--only", "double")
    assert quiet.code == 0, quiet.err
    assert " | " not in quiet.err
    assert "1 step ran, 1 reused, 1 skipped" in quiet.err
    assert "Did you mean 'talk'" in trueup("run", "--allow-dirty", "--from", "tolk").err


def started(folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": SOURCES}
    command = [sys.executable, "-m", "trueup", "run", "--allow-dirty", "-p", "wait=true"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    until = time.monotonic() + 60
    while not ((folder / "pid").exists() and (folder / "pid").read_text()):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_no_process(talking: Path, how: signal.Signals) -> None:
    process = started(talking)
    process.send_signal(how)
    process.wait(30)
    assert gone(int((talking / "pid").read_text()))
    with open_workspace(talking) as workspace:
        workspace.runs.mark_lost(workspace.owner)
        [run] = workspace.runs.list(workspace.owner).runs
        assert run.state == ("interrupted" if how == signal.SIGINT else "lost")
        finished = workspace.runs.show(workspace.owner, run.id).steps[:2]
        assert [step.step for step in finished] == ["talk", "double"]


@pytest.mark.slow
def test_a_run_is_cancelled_from_elsewhere_while_its_logs_are_followed(
    talking: Path, trueup: Trueup
) -> None:
    process = started(talking)
    with open_workspace(talking) as workspace:
        [run] = workspace.runs.list(workspace.owner).runs

    def cancel() -> None:
        with open_workspace(talking) as workspace:
            workspace.runs.cancel(workspace.owner, run.id, "enough")

    other = threading.Timer(0.3, cancel)
    other.start()
    followed = trueup("runs", "logs", run.ref, "--follow")
    other.join()
    assert followed.code == 0
    assert "double[2] | item 2\n" in followed.out
    assert process.wait(30) == 4
    assert gone(int((talking / "pid").read_text()))
    error_of(trueup("runs", "cancel", run.ref), "run-ended")
