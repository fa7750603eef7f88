"""MLflow's own clients, unchanged, against a real server: each suite is run by their interpreter.

The suites stand in `suites/`. To run one test of them by hand, start a server and say:
MLFLOW_TRACKING_URI=http://127.0.0.1:PORT build/clients/mlflow-3/bin/python -m pytest
tests/doors/mlflow/clients/suites/suite_tracking.py -k NAME
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .environments import environment, python
from .server import serving

SUITES = Path(__file__).parent / "suites"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "suites"),
    [
        ("mlflow-3", ("tracking",)),
        ("mlflow-3", ("models", "learning")),
        ("mlflow-2", ("tracking", "models", "learning")),
    ],
)
def test_a_client_finds_what_it_expects(
    client: str, suites: tuple[str, ...], tmp_path: Path
) -> None:
    interpreter = python(client)
    with serving(tmp_path / "project") as url:
        files = [str(SUITES / f"suite_{name}.py") for name in suites]
        options = ["-q", "-c", "/dev/null", "--rootdir", str(SUITES), "--confcutdir", str(SUITES)]
        done = subprocess.run(
            [
                str(interpreter),
                "-m",
                "pytest",
                *options,
                "-p",
                "no:cacheprovider",
                "--basetemp",
                str(tmp_path / "t"),
                *files,
            ],
            cwd=tmp_path,
            env=environment(
                MLFLOW_TRACKING_URI=url,
                MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
                MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
                HOME=str(tmp_path),
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode:
        pytest.fail(f"{done.stdout[-20000:]}\n{done.stderr[-5000:]}", pytrace=False)
