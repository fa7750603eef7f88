"""Reading Git: the commit, the changed files, and clear words when there is nothing to read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline.code import source


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"]
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "trueup.toml").write_text("[project]\n")
    (tmp_path / ".gitignore").write_text(".trueup/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    return tmp_path


def test_a_clean_tree_has_its_commit_and_no_changes(repository: Path) -> None:
    found = source.read(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert not found.is_dirty


def test_what_lies_in_places_that_are_left_out_does_not_count(repository: Path) -> None:
    for name in ("data/new/a.csv", "[a]*.csv", "other.py"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("1")
    assert source.read(repository).changed == ("[a]*.csv", "data/", "other.py")
    assert source.read(repository, without=["data/new", "[a]*.csv", "../x", "/x"]).changed == (
        "other.py",
    )


def test_changed_and_new_files_count_and_ignored_ones_do_not(repository: Path) -> None:
    (repository / "trueup.toml").write_text("[project]\nname = 'x'\n")
    (repository / "größe ü.py").write_text("")
    (repository / ".trueup").mkdir()
    (repository / ".trueup" / "trueup.db").write_text("")
    assert source.read(repository).changed == ("größe ü.py", "trueup.toml")


def test_a_virtual_environment_is_no_change_of_the_code(repository: Path) -> None:
    (repository / ".venv").mkdir()
    (repository / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    assert not source.read(repository).is_dirty
    (repository / "tools").mkdir()
    (repository / "tools/new.py").write_text("x = 1\n")
    assert source.read(repository).changed == ("tools/",)


def test_only_the_projects_own_folder_counts(repository: Path) -> None:
    (repository / "project").mkdir()
    (repository / "elsewhere.txt").write_text("")
    assert not source.read(repository / "project").is_dirty


def test_no_repository_is_named_with_a_cure(tmp_path: Path) -> None:
    assert not source.is_repository(tmp_path)
    with pytest.raises(UsageError) as caught:
        source.read(tmp_path)
    assert caught.value.code == "git-no-repository"
    assert "git init" in caught.value.hint


def test_no_commit_is_named_with_a_cure(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError) as caught:
        source.read(tmp_path)
    assert caught.value.code == "git-no-commits"
    assert "git commit" in caught.value.hint


def test_no_git_is_named_with_a_cure(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError) as caught:
        source.read(repository)
    assert caught.value.code == "git-missing"


def test_a_repositorys_own_settings_run_nothing(repository: Path, tmp_path: Path) -> None:
    witness = tmp_path.parent / f"{tmp_path.name}-ran"
    git(repository, "config", "core.fsmonitor", f"touch {witness}")
    source.read(repository)
    assert not witness.exists()
