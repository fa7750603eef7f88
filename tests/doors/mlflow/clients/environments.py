"""Python environments of real MLflow clients, made once from pinned requirements.

Packages that ours holds in the same version are lent: installing and compiling them again would
take longer than all tests of a client.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import sysconfig
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "build" / "clients"


def python(name: str) -> Path:
    """The interpreter of a client's environment, which is made when it is not there.

    Args:
        name: `mlflow-3` or `mlflow-2`; requirements/<name>.txt says what is in it.
    """
    requirements = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    ours = sysconfig.get_paths()["purelib"]
    own = not_lent(requirements, ours)
    wanted = sha256(f"{ours}\n{requirements}\n{own}".encode()).hexdigest()
    place = FOLDER / name
    found = place / "bin" / "python"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several processes may ask at once
        ready = place / "ready"
        if not ready.exists() or ready.read_text() != wanted:
            run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(place)])
            pip = [sys.executable, "-m", "pip", "--python", str(found), "install", "--quiet"]
            # Without what they depend on: the list is whole, but for libraries of graphics cards.
            how = ["--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes"]
            (place / "own.txt").write_text(own)
            run([*pip, *how, "-r", str(place / "own.txt")])
            (packages,) = (place / "lib").glob("python*/site-packages")
            (packages / "lent.pth").write_text(f"{ours}\n")
            ready.write_text(wanted)
    return found


def not_lent(requirements: str, ours: str) -> str:
    """The requirements that the packages in our folder do not meet; the others are lent.

    Args:
        requirements: Text of pinned requirements with hashes.
        ours: Folder of the packages of this interpreter.
    """
    held = {
        (found.name.lower().replace("_", "-"), found.version)
        for found in distributions(path=[ours])
    }
    pins = re.split(r"^(?=[a-z0-9])", requirements, flags=re.MULTILINE)
    return "".join(
        pin
        for pin in pins
        if (match := re.match(r"([\w.-]+)==([^\s;]+)", pin)) and match.groups() not in held
    )


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
