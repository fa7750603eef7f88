"""The peers that are measured against, in environments of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build"
PACKAGES = ("dvc==3.67.1", "dvc-s3==3.3.0", "oxenai==0.65.1")
DRIFT = ("evidently==0.7.23", "pandas<3")  # it cannot be imported beside pandas 3
TRACKING = ("mlflow==3.17.2", "scikit-learn")
# Each in an environment of its own: together they cannot be resolved.
MLSERVER = ("mlserver", "mlserver-sklearn", "uvloop<0.22")  # newer ones end its workers
BENTOML = ("bentoml", "scikit-learn")
LITSERVE = ("litserve", "scikit-learn")
MLFLOW_MODELS = TRACKING
RAY = ("ray[serve]", "scikit-learn")


def python(name: str = "peers", packages: tuple[str, ...] = PACKAGES) -> str:
    """The interpreter of an environment of peers, which is made when it is not there."""
    folder = BUILD / name
    found = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        (folder / "ready").touch()
    return str(found)


def dvc() -> str:
    """The program of DVC."""
    return str(Path(python()).with_name("dvc"))


def mlflow() -> str:
    """The interpreter that has MLflow; a link to another environment of it will do."""
    return python("mlflow", TRACKING)


def evidently() -> str:
    """The interpreter that has Evidently; a link to another environment of it will do."""
    return python("evidently", DRIFT)
