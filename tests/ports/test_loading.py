"""A back end is one file, found by its name; what is missing is named with its cure."""

from __future__ import annotations

from pathlib import Path

import pytest

import trueup.backends.blobs
from trueup.foundation.errors import MissingExtraError, NotFoundError
from trueup.ports import loading


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files count as blob stores."""
    paths = [*trueup.backends.blobs.__path__, str(tmp_path)]
    monkeypatch.setattr(trueup.backends.blobs, "__path__", paths)
    return tmp_path


def test_a_new_file_is_a_new_back_end(folder: Path) -> None:
    (folder / "freshly.py").write_text("class Backend:\n    pass\n")
    assert "freshly" in loading.names("blobs")
    assert loading.load("blobs", "freshly").__name__ == "Backend"


def test_an_unknown_name_gives_the_near_one() -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'local'") as caught:
        loading.load("blobs", "locl")
    assert caught.value.code == "backend-not-found"


def test_a_package_that_is_missing_beneath_is_named(folder: Path) -> None:
    (folder / "needy.py").write_text("import a_package_that_is_not_there\n")
    with pytest.raises(MissingExtraError, match="a_package_that_is_not_there") as caught:
        loading.load("blobs", "needy")
    assert "pip install" in caught.value.hint


def test_an_error_inside_a_back_end_is_not_hidden(folder: Path) -> None:
    (folder / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        loading.load("blobs", "broken")
