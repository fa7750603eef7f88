"""Python environments of real MLflow clients, made once from pinned requirements."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "build" / "clients"


def python(name: str) -> Path:
    """The interpreter of a client's environment, which is made when it is not there.

    Args:
        name: `mlflow-3` or `mlflow-2`; requirements/<name>.txt says what is in it.
    """
    requirements = ROOT / "requirements" / f"{name}.txt"
    wanted = sha256(requirements.read_bytes()).hexdigest()
    place = FOLDER / name
    found = place / "bin" / "python"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several processes may ask at once
        ready = place / "ready"
        if not ready.exists() or ready.read_text() != wanted:
            run([sys.executable, "-m", "venv", "--clear", str(place)])
            # Without what they depend on: the list is whole, but for libraries of graphics cards.
            pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            run([*pip, "--no-deps", "--no-compile", "--require-hashes", "-r", str(requirements)])
            ready.write_text(wanted)
    return found


def environment(**more: str) -> dict[str, str]:
    """The variables that a client gets: none of ours, none of another server."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "MLFLOW", "TRUEUP", "GIT_", "COV_", "PYTEST"))
    }
    return {**kept, "GIT_PYTHON_REFRESH": "quiet", "OMP_NUM_THREADS": "1", **more}


def run(command: list[str]) -> None:
    """Run one command; what it says is told when it fails."""
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
