"""An installed wheel tells the whole story outside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make wheel` builds it."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_the_projects_that_are_written_for_users(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for template in ("app/demo/project", "app/starter"):
        folder = ROOT / "src" / "trueup" / template
        files = [path for path in folder.rglob("*") if path.is_file()]
        wanted = {
            f"trueup/{template}/{path.relative_to(folder).as_posix()}"
            for path in files
            if "__pycache__" not in path.parts
        }
        assert len(wanted) >= 4 and wanted <= inside
    assert "trueup/app/demo/project/gitignore" in inside
    assert not [name for name in inside if "__pycache__" in name or ".trueup" in name]


def test_it_runs_the_demo_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    python = install(wheel, tmp_path / "env")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TRUEUP_", "VIRTUAL_ENV"))
    }

    def call(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    place = call(str(python), "-c", "import trueup; print(trueup.__file__)").strip()
    assert Path(place).is_relative_to(tmp_path / "env")
    trueup = str(python.with_name("trueup"))
    told = json.loads(
        call(trueup, "demo", "story", "--traffic", "0.001", "--months", "1", "--json")
    )
    books = told["books"]
    assert books["acknowledged"] == books["journaled"] == 45
    assert (books["lost"], books["doubled"], told["ledger_problems"]) == (0, 0, [])
    assert [release["state"] for release in told["releases"]] == ["live"]
    assert (tmp_path / "story" / ".gitignore").read_text().startswith(".trueup/")


def install(wheel: Path, place: Path) -> Path:
    """A fresh environment with the wheel in it; its requirements are lent by this one.

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
