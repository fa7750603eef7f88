"""Where a project is, and where its state lives."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from trueup.foundation.configuration import find_root, make_private, settings_for
from trueup.foundation.errors import BackendError, NotFoundError


def test_a_project_is_found_from_any_folder_inside_it(tmp_path: Path) -> None:
    (tmp_path / "trueup.toml").touch()
    (inner := tmp_path / "a" / "b").mkdir(parents=True)
    assert find_root(inner) == tmp_path.resolve()


def test_the_nearest_project_wins(tmp_path: Path) -> None:
    (inner := tmp_path / "a").mkdir()
    (tmp_path / "trueup.toml").touch()
    (inner / "trueup.toml").touch()
    assert find_root(inner) == inner.resolve()


def test_no_project_is_not_found_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        find_root(tmp_path)
    assert (caught.value.code, caught.value.hint) == ("project-not-found", "trueup init")


def test_state_lives_in_the_project_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, {})
    assert settings.database == f"sqlite:///{tmp_path}/.trueup/trueup.db"
    assert settings.journal == tmp_path / ".trueup" / "journal"
    other = settings_for(tmp_path, {"TRUEUP_DATABASE": "postgresql://db/x", "TRUEUP_BLOBS": ""})
    assert other.database == "postgresql://db/x"
    assert other.blobs == settings.blobs


def test_a_private_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match="cannot be written") as caught:
        make_private(tmp_path / "file" / "folder")
    assert caught.value.code == "folder-not-writable"


def test_a_folder_on_a_disk_that_nobody_may_write_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(BackendError, match="Permission denied") as caught:
        make_private(tmp_path)
    assert caught.value.hint.startswith("chmod ")
    monkeypatch.setattr(os, "utime", read_only)
    with pytest.raises(BackendError, match="Read-only file system") as caught:
        make_private(tmp_path)
    assert caught.value.hint.startswith("findmnt ")
