"""Starting a project: everything or nothing, and nothing of the user's is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trueup.app.starting import start
from trueup.foundation.errors import BackendError, ConflictError, UsageError
from trueup.lifecycle.plan.service import read


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _somebody_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = Olga\nemail = olga@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "My lumps"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def files(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and ".git/" not in path.as_posix()
    }


def test_it_commits_exactly_what_it_wrote(repository: Path) -> None:
    (repository / "notes.txt").write_text("mine")
    git(repository, "add", "notes.txt")
    started = start(repository)
    assert git(repository, "show", "--name-only", "--format=").splitlines() == [*started.written]
    assert git(repository, "status", "--porcelain") == "A  notes.txt"


def test_its_plan_is_sound_and_named_after_the_folder(repository: Path) -> None:
    start(repository)
    plan = read(repository)
    assert plan.project.name == "My-lumps"
    assert all(goal.gate.min_rows <= 228 for goal in plan.goals)


def test_without_a_commit_it_only_writes(repository: Path) -> None:
    assert start(repository, commit=False).commit == ""
    assert (repository / "trueup.toml").is_file()
    assert "pipelines/" in git(repository, "status", "--porcelain")


def test_it_adds_to_the_lines_of_a_gitignore(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n.trueup/")
    git(repository, "add", ".gitignore")
    git(repository, "commit", "--quiet", "-m", "ignore")
    start(repository)
    assert (repository / ".gitignore").read_text() == (
        "*.log\n.trueup/\n__pycache__/\n.venv/\nreports/\n"
    )


def test_it_leaves_a_gitignore_alone_that_somebody_works_on(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    with pytest.raises(ConflictError, match=r"\.gitignore has changes") as caught:
        start(repository)
    assert caught.value.code == "init-gitignore-changed"
    assert files(repository) == {".gitignore"}


def test_it_overwrites_nothing(repository: Path) -> None:
    (repository / "pipelines").mkdir()
    (repository / "pipelines" / "example.py").write_text("mine")
    with pytest.raises(ConflictError, match=r"pipelines/example\.py is there already"):
        start(repository)
    assert files(repository) == {"pipelines/example.py"}


def test_it_starts_only_once(repository: Path) -> None:
    start(repository)
    with pytest.raises(ConflictError, match="already a project") as caught:
        start(repository)
    assert caught.value.hint == "trueup status"


def test_outside_a_repository_it_says_how_to_make_one(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    with pytest.raises(UsageError) as caught:
        start(root)
    assert (caught.value.code, caught.value.hint) == ("git-no-repository", "git init")
    assert files(root) == set()


def test_without_an_identity_it_writes_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EMAIL", "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    Path(str(repository.parent / "gitconfig")).write_text("[user]\nuseConfigOnly = true\n")
    with pytest.raises(UsageError, match="does not know who you are"):
        start(repository)
    assert files(repository) == set()


def test_a_refused_commit_leaves_nothing_behind(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "ignore")
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'the hook says no' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(BackendError, match="the hook says no"):
        start(repository)
    assert files(repository) == {".gitignore"}
    assert (repository / ".gitignore").read_text() == "*.log\n"
    assert git(repository, "status", "--porcelain") == ""


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(repository: Path) -> None:
    (repository / "data").write_text("a file where a folder should be")
    with pytest.raises(BackendError, match="cannot be written"):
        start(repository)
    assert files(repository) == {"data"}


@pytest.mark.slow
def test_its_own_test_passes_with_a_bare_pytest(repository: Path) -> None:
    start(repository)
    sources = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=repository,
        env=os.environ | {"PYTHONPATH": sources},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert git(repository, "status", "--porcelain") == ""
