"""An installed wheel tells the whole story outside the checkout."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import environment
from .installing import ROOT

pytestmark = pytest.mark.slow


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


def test_it_tells_the_whole_story_in_an_environment_of_its_own(journey: Any) -> None:
    place = journey.folder.parent
    where = subprocess.run(
        [place / "env" / "bin" / "python", "-c", "import trueup; print(trueup.__file__)"],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert Path(where).is_relative_to(place / "env")
    told = journey.summary
    books = told["books"]
    assert books["acknowledged"] == books["journaled"] > 0
    assert (books["lost"], books["doubled"], told["ledger_problems"]) == (0, 0, [])
    assert [release["state"] for release in told["releases"]] == ["live"]
    assert (journey.folder / ".gitignore").read_text().startswith(".trueup/")
