"""The database: made once, by whoever comes first; its failures are named with their cure."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import warnings
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from trueup.foundation.errors import BackendError
from trueup.state import cursors, database, refusals
from trueup.state.database import Database

OPEN = """
import sys
from trueup.state.database import Database
sys.stdin.readline()
database = Database(sys.argv[1])
with database.writing() as connection:
    connection.exec_driver_sql("INSERT INTO cursors VALUES (?, 1)", (sys.argv[2],))
database.close()
"""


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'trueup.db'}"


def test_several_processes_may_start_at_once_on_an_empty_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", OPEN, url(tmp_path)]
    starts = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    for start in starts:
        assert start.stdin is not None
        start.stdin.write("go\n")
        start.stdin.flush()
    for start in starts:
        assert start.communicate()[1] == ""
        assert start.returncode == 0
    opened = Database(url(tmp_path))
    with opened.reading() as connection:
        names = connection.execute(sa.select(cursors.cursors.c.reader)).scalars().all()
    opened.close()
    assert sorted(names) == ["a", "b", "c"]


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Database(url(tmp_path))
    with opened.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    opened.close()
    with sqlite3.connect(tmp_path / "trueup.db") as raw:
        before = list(raw.iterdump())
    raw.close()
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    own = Path(database.__file__).parent / "migrations" / "env.py"
    (versions.parent / "env.py").write_text(own.read_text())
    (versions / "0000_former.py").write_text("revision = '0000'\ndown_revision = None\n")
    (versions / "0001_broken.py").write_text(
        "from alembic import op\nrevision = '0001'\ndown_revision = '0000'\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (a)')\n    raise KeyError('broken')\n"
    )
    monkeypatch.setattr(database, "_MIGRATIONS", versions.parent)
    with pytest.raises(KeyError, match="broken"):
        Database(url(tmp_path))
    with sqlite3.connect(tmp_path / "trueup.db") as raw:
        assert list(raw.iterdump()) == before
    raw.close()


def test_a_new_file_has_all_tables_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "newest.sql"
    broken.write_text("CREATE TABLE half (a);\nCREATE TABLE half (a)\n")
    monkeypatch.setattr(database, "NEWEST", broken)
    with pytest.raises(BackendError, match="already exists"):
        Database(url(tmp_path))
    with sqlite3.connect(tmp_path / "trueup.db") as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    raw.close()


def test_the_file_is_private(tmp_path: Path) -> None:
    opened = Database(url(tmp_path / "home"))
    with opened.writing() as connection:
        connection.exec_driver_sql("INSERT INTO cursors VALUES ('a', 1)")
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").iterdir()
        }
    opened.close()
    assert modes == {"trueup.db": 0o600, "trueup.db-wal": 0o600, "trueup.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_percent_sign_in_a_path_is_no_matter(tmp_path: Path) -> None:
    Database(url(tmp_path / "100%")).close()
    assert (tmp_path / "100%" / "trueup.db").exists()


def test_neither_a_new_file_nor_one_of_this_revision_needs_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; from trueup.state.database import Database; Database(sys.argv[1]).close(); "
        "print(*{'alembic', 'sqlalchemy'} & set(sys.modules))"
    )
    run = [sys.executable, "-c", code, url(tmp_path)]
    for _ in range(2):
        assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "\n"


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "trueup.db").write_bytes(b"these are no tables at all" * 50)
    with pytest.raises(BackendError, match="is damaged") as caught:
        Database(url(tmp_path))
    assert caught.value.code == "database-damaged"
    assert "mv '" in caught.value.hint


def test_a_damaged_page_is_found_when_it_is_read(tmp_path: Path) -> None:
    Database(url(tmp_path)).close()
    with (tmp_path / "trueup.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)
    with pytest.raises(BackendError) as caught:
        Database(url(tmp_path))
    assert caught.value.code == "database-damaged"


def test_a_lock_that_stays_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    opened = Database(url(tmp_path))
    other = sqlite3.connect(tmp_path / "trueup.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BackendError, match="stayed locked") as caught, opened.writing():
        pytest.fail("the block must not run")
    assert caught.value.code == "database-busy"
    other.close()
    with opened.writing() as connection:
        connection.exec_driver_sql("INSERT INTO cursors VALUES ('a', 1)")
    opened.close()


def test_a_database_of_a_newer_trueup_is_left_alone(tmp_path: Path) -> None:
    opened = Database(url(tmp_path))
    with opened.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    opened.close()
    with pytest.raises(BackendError, match="revision 9999") as caught:
        Database(url(tmp_path))
    assert caught.value.code == "database-newer"


def test_a_broken_rule_of_the_schema_is_refused_and_undone(tmp_path: Path) -> None:
    opened = Database(url(tmp_path))
    with pytest.raises(BackendError) as caught, opened.writing() as connection:
        connection.exec_driver_sql("INSERT INTO cursors VALUES ('a', 1)")
        connection.exec_driver_sql("INSERT INTO cursors VALUES ('a', 2)")
    assert caught.value.code == "database-refused"
    with opened.reading() as connection:
        assert connection.execute(sa.select(cursors.cursors)).all() == []
    opened.close()


def test_a_folder_that_cannot_be_written_is_named(rights_of_a_user: None, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BackendError, match="cannot be written") as caught:
        Database(url(tmp_path))
    assert caught.value.code == "folder-not-writable"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(BackendError) as caught:
        Database(url(tmp_path / "home"))
    assert caught.value.code == "folder-not-writable"


def test_what_is_no_url_is_named_without_repeating_it() -> None:
    with pytest.raises(BackendError) as caught:
        Database("user:secret@somewhere")
    assert caught.value.code == "database-unusable"
    assert "secret" not in str(caught.value.as_problem())


@pytest.mark.parametrize(
    ("said", "free", "code"),
    [
        ("database or disk is full", 10**9, "disk-full"),
        ("disk I/O error", 0, "disk-full"),  # what SQLite says when its log finds no room
        ("disk I/O error", 10**9, "database-unusable"),
    ],
)
def test_a_full_disk_is_told_from_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, free: int, code: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    error = sa.exc.OperationalError("SELECT 1", (), sqlite3.OperationalError(said))
    found = refusals.explained(error, "sqlite:////x.db", str(tmp_path / "x.db"), 10)
    assert found is not None
    assert (found.code, "df -h" in found.hint) == (code, code == "disk-full")


def _count(opened: Database) -> None:
    with opened.writing() as connection:
        connection.exec_driver_sql("UPDATE cursors SET seq = seq + 1")


def test_a_forked_child_opens_its_own_connections(tmp_path: Path) -> None:
    opened = Database(url(tmp_path))
    with opened.writing() as connection:
        connection.exec_driver_sql("INSERT INTO cursors VALUES ('a', 0)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
        children = [get_context("fork").Process(target=_count, args=(opened,)) for _ in range(3)]
        for child in children:
            child.start()
    _count(opened)
    for child in children:
        child.join()
    with opened.reading() as connection:
        assert connection.execute(sa.select(cursors.cursors.c.seq)).scalar() == 4
    assert [child.exitcode for child in children] == [0, 0, 0]
    opened.close()
