"""What commands must not import: a short command is mostly its start (decision 0007)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# To carry out a command these may be needed; to read its file, never.
STATE = {"sqlalchemy", "alembic", "asyncio", "cryptography"}
SCIENCE = {"numpy", "polars", "scipy", "sklearn", "obstore", "optuna", "pyarrow"}
SERVERS = {"uvicorn", "starlette", "jinja2", "httpx", "websockets"}
# Large parts of the standard library that a plain command has no use for.
LIBRARY = {"ssl", "zipfile", "importlib.metadata", "email.message", "difflib", "zoneinfo", "json"}
RARE = {"cronsim", "rich.live", "cryptography.hazmat.primitives.serialization"}

READ_ALL = """
import importlib
from trueup.doors.cli.main import COMMANDS
for file, _ in COMMANDS.values():
    importlib.import_module(f"trueup.doors.cli.{file}")
"""
RUN = """
import sys
from trueup.doors.cli.main import run
assert run(sys.argv[1:]) == 0
"""
NAMES = "\nimport sys\nprint('\\nloaded:', *sys.modules)"

PLAN = '[project]\nname = "p"\nobjective = "Try"\n\n[datasets.rows]\npath = "rows.csv"\n'
PIPELINE = """\
from trueup import data, pipeline, step


@step
def count(rows) -> dict[str, float]:
    return {"rows": float(rows.height)}


@pipeline
def counting():
    count(data("rows"))
"""


def imported(code: str, *words: str, cwd: Path | None = None) -> set[str]:
    """The modules a fresh interpreter has loaded at the end of some code."""
    done = subprocess.run(
        [sys.executable, "-c", code + NAMES, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project in which everything was done once before."""
    root = tmp_path_factory.mktemp("start")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "__init__.py").touch()
    (root / "pipelines" / "counting.py").write_text(PIPELINE)
    (root / "trueup.toml").write_text(PLAN)
    (root / "rows.csv").write_text("a\n1\n2\n")
    (root / ".gitignore").write_text(".trueup/\n__pycache__/\n")
    named = {"GIT_AUTHOR_NAME": "O", "GIT_AUTHOR_EMAIL": "o@example.org"}
    named |= {"GIT_COMMITTER_NAME": "O", "GIT_COMMITTER_EMAIL": "o@example.org"}
    for command in ("init -q", "add -A", "commit -qm First"):
        subprocess.run(["git", *command.split()], cwd=root, check=True, env=os.environ | named)
    for words in (("run", "counting", "--engine", "inprocess://"), ("data", "status")):
        imported(RUN, *words, cwd=root)
    yield root


def test_no_file_of_a_command_brings_the_state_or_a_server() -> None:
    assert not imported(READ_ALL) & (STATE | SCIENCE | SERVERS)


def test_data_status_needs_no_database_when_nothing_was_recorded(project: Path) -> None:
    found = imported(RUN, "data", "status", cwd=project)
    assert "trueup.lifecycle.data.standing" in found
    assert not found & (STATE | SCIENCE | SERVERS | LIBRARY | RARE)


def test_a_run_that_reuses_everything_brings_no_science_and_no_server(project: Path) -> None:
    found = imported(RUN, "run", "counting", cwd=project)
    assert "trueup.lifecycle.runs.execution.executing" in found
    assert not found & (SCIENCE | SERVERS | RARE | {"alembic", "asyncio"} | LIBRARY - {"json"})
    # Its steps are looked up and recorded by the driver; without a terminal there are no colours.
    assert found & {"sqlalchemy", "rich"} == set()
