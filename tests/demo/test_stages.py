"""No stage is decoration: with the code of any one taken away, there is no demo."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import Process

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parents[2] / "src"
# What each stage decides and does; the records stay, so nothing fails for lack of a name alone.
STAGES = {
    "plan": "service",
    "data": "service",
    "pipeline": "drawing.graph",
    "runs": "execution.executing",
    "models": "service",
    "gates": "service",
    "releases": "service",
    "serving": "server.application",
    "monitoring": "service",
    "improvement": "service",
}
# Where each stage leaves its traces in the month of the finished journey.
TRACES = {
    "plan": "SELECT count(*) AS n FROM plans",
    "data": "SELECT count(*) AS n FROM dataset_versions",
    "pipeline": "SELECT count(*) AS n FROM step_cache",
    "runs": "SELECT count(*) AS n FROM step_runs",
    "models": "SELECT count(*) AS n FROM model_versions",
    "gates": "SELECT count(*) AS n FROM verdicts",
    "releases": "SELECT count(*) AS n FROM releases",
    "serving": "SELECT count(*) AS n FROM journal_segments",
    "monitoring": "SELECT count(*) AS n FROM evaluations",
}


# These are first needed when both models of the first two chapters are there.
BEHIND_THE_MODELS = {"gates", "releases", "serving"}
SHARE = "0.005"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, to be mutilated; compiled, so that each demo starts soon."""
    place = tmp_path_factory.mktemp("sources")
    shutil.copytree(SOURCES / "trueup", place / "trueup")
    compileall.compile_dir(place, quiet=2)
    return place


@pytest.fixture(scope="module")
def with_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo that was killed when it had its first models."""
    folder = tmp_path_factory.mktemp("models") / "demo"
    process = Process(folder, "--traffic", SHARE, "--months", "1")
    try:
        while process.journey.count("model_versions") < 2:
            assert process.popen.poll() is None, process.words
            time.sleep(0.03)
    finally:
        process.kill()
    return folder


def test_all_ten_stages_are_meant() -> None:
    folders = {
        path.parent.name for path in (SOURCES / "trueup" / "lifecycle").glob("*/__init__.py")
    }
    assert folders == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_without_a_stage_there_is_no_demo(
    stage: str, copied: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder, share = tmp_path / "demo", SHARE
    if stage in BEHIND_THE_MODELS:
        shutil.copytree(request.getfixturevalue("with_models"), folder)
    if stage == "improvement":  # first needed after the first release: begin behind that
        folder, share = request.getfixturevalue("own_journey").folder, "0.02"
    module = copied / "trueup" / "lifecycle" / stage / f"{STAGES[stage].replace('.', '/')}.py"
    whole = module.read_bytes()
    module.write_bytes(b"")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "trueup", "demo", folder, "--traffic", share, "--months", "1"],
            env=os.environ | {"PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    finally:
        module.write_bytes(whole)
    assert done.returncode != 0
    assert f"trueup.lifecycle.{stage}.{STAGES[stage]}" in done.stderr


@pytest.mark.parametrize("stage", TRACES)
def test_a_finished_journey_holds_traces_of_it(stage: str, journey: Any) -> None:
    assert journey.row(TRACES[stage])["n"] > 0
