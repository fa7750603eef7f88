"""The wheel is whole: what runs from a checkout runs from an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

USE = """
import sys
from pathlib import Path

import trueup
from trueup.doors.cli.main import cli
from trueup.state.database import Database

assert Path(trueup.__file__).is_relative_to(sys.argv[1]), trueup.__file__
Database(f"sqlite:///{sys.argv[2]}/trueup.db").close()
cli(["explain", "database-busy"])
"""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make wheel` builds it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(root)], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_every_file_of_the_package_is_in_it(wheel: Path, root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "src/trueup"], cwd=root, capture_output=True, check=True
    ).stdout.decode()
    expected = {name.removeprefix("src/") for name in listed.split("\0") if (root / name).is_file()}
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {"trueup/py.typed"} <= expected
    assert not expected - inside


def test_it_brings_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "trueup = trueup.doors.cli.main:main" in archive.read(points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    site = str(tmp_path / "site")
    run = subprocess.run(
        [sys.executable, "-c", USE, site, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": site},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "database-busy" in run.stdout
