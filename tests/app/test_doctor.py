"""Doctor finds each fault, names its cure, and changes nothing."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.app.doctor import Finding, examine

PLAN = '[project]\nname = "small"\nobjective = "Try things"\n'


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed project with state: the folder around the state folder `home`."""
    for name in ("TRUEUP_DATABASE", "TRUEUP_BLOBS", "TRUEUP_KEY"):
        monkeypatch.delenv(name, raising=False)
    root = home.parent
    (root / "trueup.toml").write_text(PLAN)
    (root / ".gitignore").write_text(".trueup/\n")
    who = ["-c", "user.name=Olga", "-c", "user.email=olga@example.org"]
    for line in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "-m", "start"]):
        subprocess.run(["git", "-C", str(root), *line], check=True)
    home.chmod(0o700)
    return root


def found(root: Path, check: str) -> Finding:
    """The worst finding of a check."""
    of_check = [finding for finding in examine(root) if finding.check == check]
    return max(of_check, key=lambda f: ("ok", "warning", "problem").index(f.state))


def test_a_healthy_project_has_no_problem(project: Path) -> None:
    assert [f for f in examine(project) if f.state == "problem"] == []
    assert found(project, "event log").state == "ok"


def test_it_changes_nothing(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*.db")}
    examine(project)
    assert before == {path: path.read_bytes() for path in before}


def test_every_fault_has_a_cure(tmp_path: Path) -> None:
    assert all(finding.cure for finding in examine(tmp_path) if finding.state != "ok")


def open_to_all(root: Path) -> None:
    (root / ".trueup").chmod(0o755)


def open_key(root: Path) -> None:
    (root / ".trueup" / "keys" / "signing.key").chmod(0o644)


def bad_plan(root: Path) -> None:
    (root / "trueup.toml").write_text(PLAN + "colour = 1\n")


def broken_database(root: Path) -> None:
    (root / ".trueup" / "trueup.db").write_bytes(b"no database" * 1000)


def newer_database(root: Path) -> None:
    with sqlite3.connect(root / ".trueup" / "trueup.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def changed_event(root: Path) -> None:
    with sqlite3.connect(root / ".trueup" / "trueup.db") as connection:
        connection.execute("UPDATE events SET why = 'somebody else did it' WHERE seq = 1")
    connection.close()


def damaged_blob(root: Path) -> None:
    name = "ab" + "0" * 62
    place = root / ".trueup" / "blobs" / name[:2]
    place.mkdir(parents=True)
    (place / name[2:]).write_bytes(b"something else")


def file_for_folder(root: Path) -> None:
    (root / ".trueup").rename(root / "aside")
    (root / ".trueup").write_text("")


def uncommitted(root: Path) -> None:
    (root / "new.py").write_text("")


def dead_server(root: Path) -> None:
    (root / ".trueup" / "journal").mkdir()
    (root / ".trueup" / "journal" / f"{'0' * 32}.open").write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "check", "state", "words", "cure"),
    [
        (open_to_all, "folder", "problem", "mode 0755", "chmod 0700"),
        (open_key, "key", "problem", "mode 0644", "chmod 0600"),
        (bad_plan, "plan", "problem", "'colour'", "known keys"),
        (broken_database, "database", "problem", "damaged", "mv '"),
        (newer_database, "database", "problem", "9999", "pip install --upgrade trueup"),
        (changed_event, "event log", "problem", "event 1 (project.founded) was changed", "audit"),
        (damaged_blob, "blobs", "problem", "1 of 1", "restore"),
        (file_for_folder, "folder", "problem", "is a file", "mv '"),
        (uncommitted, "git", "warning", "new.py", "git commit"),
        (dead_server, "journal", "warning", "a server that died", "trueup serve"),
    ],
)
def test_each_fault_is_found_with_its_cure(
    harm: Callable[[Path], None], check: str, state: str, words: str, cure: str, project: Path
) -> None:
    harm(project)
    finding = found(project, check)
    assert finding.state == state
    assert words in finding.words
    assert cure in finding.cure


def test_no_repository_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert found(tmp_path, "git").cure == "git init"
    assert found(tmp_path, "project").cure == "trueup init"
