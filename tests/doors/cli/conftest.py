"""Real projects in temporary folders, and the command line called in this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from trueup.app.wiring import open_workspace
from trueup.doors.cli.main import run
from trueup.foundation import clock
from trueup.foundation.identifiers import time_ordered_id
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Predictions

SOURCES = str(Path(__file__).parents[3] / "src")
HERE = ("--engine", "inprocess://")  # for runs of which only the results matter

PLAN = """\
[project]
name = "small"
objective = "Try things"

[team]
rita = ["reviewer"]

[[goals]]
id = "right"
claim = "Answers are right"
metric = "roc_auc"
gate = { at_least = 0.6, min_rows = 10 }
watch = { window = "7d" }

[datasets.rows]
path = "data/rows.csv"

[deployments.desk]
model = "small"
"""

PIPELINE = """\
from trueup import data, pipeline, step


@step
def count(rows) -> dict[str, float]:
    return {"rows": float(rows.height)}


@pipeline
def counting(times: int = 1):
    count(data("rows"))
"""


class Ran(NamedTuple):
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> object:
        return msgspec.json.decode(self.out)


Trueup = Callable[..., Ran]


@pytest.fixture(scope="session", autouse=True)
def _somebody_commits(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Git knows who commits, whatever this machine says."""
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text(
        "[user]\nname = Olga\nemail = olga@example.org\n[init]\ndefaultBranch = main\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        git.config = str(config)  # type: ignore[attr-defined]


def git(folder: Path, *arguments: str) -> str:
    """Run Git in a folder."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No terminal, no colour, no width, nobody's settings."""
    for name in ("COLUMNS", "TRUEUP_DATABASE", "TRUEUP_BLOBS", "TRUEUP_KEY", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", git.config)  # type: ignore[attr-defined]
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def trueup(capsys: pytest.CaptureFixture[str]) -> Trueup:
    """Calls the command line in the present folder."""

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(list(arguments))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("written") / "small"
    for name, text in {
        "trueup.toml": PLAN,
        "pipelines/counting.py": PIPELINE,
        "data/rows.csv": "value,label\n1,0\n2,1\n3,1\n",
        ".gitignore": ".trueup/\n__pycache__/\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "start")
    return root


@pytest.fixture
def fresh(_written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small committed project without state, which is the present folder."""
    root = Path(shutil.copytree(_written, tmp_path / "small"))
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def _adopted(_written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(shutil.copytree(_written, tmp_path_factory.mktemp("adopted") / "small"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("GIT_CONFIG_GLOBAL", git.config)  # type: ignore[attr-defined]
        assert run(["plan", "adopt"]) == 0
    return root


@pytest.fixture
def project(_adopted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with its plan in force: migrating a new database takes longer than copying one."""
    root = Path(shutil.copytree(_adopted, tmp_path / "small"))
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def _lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `trueup init` writes, after a life: run, judged, approved, released, asked."""
    root = tmp_path_factory.mktemp("lived") / "clinic"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("GIT_CONFIG_GLOBAL", git.config)  # type: ignore[attr-defined]
        git(root, "init", "--quiet")
        for line in (
            "init",
            " ".join(("run", *HERE)),
            "check lumps@1",
            "release propose lumps@1 --to clinic",
            "approve --as rita --reason fine",
        ):
            assert run(line.split()) == 0, line
        _ask(root)
        assert run(["monitor", "run"]) == 0
    return root


@pytest.fixture
def lived(_lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which everything happened once; it is the present folder."""
    root = Path(shutil.copytree(_lived, tmp_path / "clinic"))
    monkeypatch.chdir(root)
    return root


def _ask(root: Path) -> None:
    """Put one answered request into the journal, as the server does."""
    names = ("radius", "texture", "smoothness", "concavity", "symmetry")
    with open_workspace(root) as workspace:
        journal = Journal(workspace.settings.journal)
        now = clock.now()
        record = Predictions(
            deployment="clinic",
            received_at=now,
            request=time_ordered_id().hex,
            key="",
            at=now,
            release=1,
            model_ref="lumps@1",
            rows=[0, 1],
            entities=[],
            inputs={name: [0.5, 0.25] for name in names},
            scores=[0.75, 0.125],
            seconds=0.001,
        )
        journal.write([record])
        journal.close()


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `trueup` as a process of its own; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "trueup.doors.cli.main", *arguments],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": SOURCES, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for left in started:
        if left.poll() is None:
            left.kill()
            left.communicate()
