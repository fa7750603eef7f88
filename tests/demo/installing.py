"""The wheel, and an environment of its own that holds it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(out: Path) -> Path:
    """The wheel as `make wheel` builds it."""
    made = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*made, str(ROOT)], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def install(wheel: Path, place: Path) -> Path:
    """The interpreter of a fresh environment with the wheel; its requirements are lent by this one.

    A `.pth` file adds the packages of this environment behind its own, so nothing is downloaded.
    (The `.pth` files that lie there are not followed, so the checkout is out of sight.)
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    offline = ["--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, *offline, str(wheel)], check=True, capture_output=True)
    (packages,) = (place / "lib").glob("python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python
