"""A server of MLflow's own as a source: what its clients logged there comes over, counted."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from .environments import environment, python
from .server import OURS, PLAN, TRUEUP, say

FILLING = Path(__file__).parent / "suites" / "filling.py"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[str]:
    """The address of MLflow's server, over a database and a folder of its own, filled."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = tmp_path / "mlflow"
    place.mkdir()
    kept = ["--backend-store-uri", f"sqlite:///{place}/kept.db"]
    files = ["--artifacts-destination", str(place / "files")]
    command = [str(python("mlflow-3")), "-m", "mlflow", "server", "--port", port, "--workers", "1"]
    with (place / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, *kept, *files],
            cwd=place,
            # It would start eight helpers for jobs, which nobody asks for here.
            env=environment(HOME=str(place), MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, server)
        filled = subprocess.run(
            [str(python("mlflow-3")), str(FILLING)],
            cwd=place,
            env=environment(HOME=str(place), MLFLOW_TRACKING_URI=url),
            capture_output=True,
            text=True,
            check=False,
        )
        assert filled.returncode == 0, filled.stderr[-3000:]
        yield url
    finally:
        _end(server)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None
        try:
            httpx.get(f"{url}/health", timeout=2)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("MLflow's server does not answer")


def _end(server: subprocess.Popen[bytes]) -> None:
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@pytest.mark.slow
def test_what_a_server_of_mlflow_holds_comes_over_once(source: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "trueup.toml").write_text(PLAN)
    command = [*TRUEUP, "import", "mlflow", source, "--json"]
    killed = subprocess.Popen(
        command, cwd=project, env=OURS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while killed.poll() is None and not _has_runs(project):
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    done = json.loads(say(project, *command[3:]))
    assert done["here"] == done["there"]
    assert {what: done["here"][what] for what in ("experiments", "runs", "points", "files")} == {
        "experiments": 3,
        "runs": 2,
        "points": 1000,
        "files": 6,
    }
    assert json.loads(say(project, *command[3:]))["as_before"] == 2
    shown = json.loads(say(project, "model", "show", "flights@best", "--json"))
    assert shown["version"]["version"] == 1


def _has_runs(project: Path) -> bool:
    place = project / ".trueup" / "trueup.db"
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as database:
            found: int = database.execute("SELECT count(*) FROM tracked_runs").fetchone()[0]
    except sqlite3.OperationalError:
        return False
    return found > 0
