"""The peers that data and pipelines are measured against, in an environment of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "peers"
PACKAGES = ("dvc==3.67.1", "dvc-s3==3.3.0", "oxenai==0.65.1")


def python() -> str:
    """The interpreter of the peers' environment, which is made when it is not there."""
    found = FOLDER / "bin" / "python"
    if not (FOLDER / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
        (FOLDER / "ready").touch()
    return str(found)


def dvc() -> str:
    """The program of DVC."""
    return str(Path(python()).with_name("dvc"))
