"""The index can be lost, damaged or behind: the packs are the truth and it is made again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trueup.backends.blobs.local import Backend, index
from trueup.backends.blobs.local.index import Index
from trueup.backends.blobs.local.packed import Growing
from trueup.foundation import digests
from trueup.foundation.errors import BackendError

CONTENTS = [str(number).encode() * 9 for number in range(500)]
NAMES = [digests.of_bytes(raw) for raw in CONTENTS]


def open_store(folder: Path) -> Backend:
    return Backend(f"local://{folder}")


def put_all(store: Backend) -> None:
    with store.batch() as batch:
        for raw in CONTENTS:
            batch.put(raw)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "blobs")
    put_all(store)
    store.close()
    return store.folder


def is_complete(folder: Path) -> bool:
    store = open_store(folder)
    found = dict(store.get_many(NAMES)) == dict(zip(NAMES, CONTENTS, strict=True))
    store.close()
    return found and set(store.digests()) == set(NAMES)


def test_a_lost_index_is_made_again(folder: Path) -> None:
    (folder / "index.db").unlink()
    assert is_complete(folder)


def test_an_index_lost_under_a_running_store_is_made_again(folder: Path) -> None:
    store = open_store(folder)
    assert store.has(NAMES[0])
    for file in folder.glob("index.db*"):
        file.unlink()
    assert not store.missing(NAMES)
    assert is_complete(folder)


@pytest.mark.parametrize("start", [0, 20, 100, 4096, 8192])
def test_a_damaged_index_is_set_aside_and_made_again(folder: Path, start: int) -> None:
    with (folder / "index.db").open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * 3000)
    try:
        complete = is_complete(folder)
    except BackendError:
        complete = False
    if not complete:  # some damage SQLite does not see by itself
        assert list(open_store(folder).verify())
        for file in folder.glob("index.db*"):
            file.unlink()
        assert is_complete(folder)


def test_what_is_no_database_is_replaced_and_kept_aside(folder: Path) -> None:
    (folder / "index.db").write_bytes(b"no database " * 1000)
    assert is_complete(folder)
    assert (folder / "damaged-index.db").read_bytes().startswith(b"no database")


def test_a_pack_that_was_finished_but_not_indexed_is_taken_in(folder: Path, tmp_path: Path) -> None:
    other = open_store(tmp_path / "other")
    shutil.copytree(folder / "packs", other.folder / "packs")
    assert is_complete(other.folder)


def test_blobs_of_a_pack_that_is_gone_are_missing_and_can_be_put_again(folder: Path) -> None:
    store = open_store(folder)
    assert store.has(NAMES[0])
    [pack] = (folder / "packs").iterdir()
    pack.unlink()
    assert not list(store.get_many([]))
    with pytest.raises(LookupError):
        store.get(NAMES[0])
    assert not store.has(NAMES[0]), "after the first answer the index knows"
    put_all(store)
    assert is_complete(folder)


def test_index_and_packs_are_private(folder: Path) -> None:
    store = open_store(folder)
    put_all(store)
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {file.name.partition(".")[2] for file in files} == {"pack", "db", "db-wal", "db-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o400, 0o600}
    assert stat.S_IMODE((folder / "packs").stat().st_mode) == 0o700


def test_a_store_of_whole_files_alone_has_no_index(tmp_path: Path) -> None:
    store = open_store(tmp_path / "blobs")
    digest = store.put(b"whole")
    assert store.get(digest) == b"whole"
    assert not store.missing([digest])
    assert store.has(digest)
    assert not list(store.verify())
    assert sorted(path.name for path in store.folder.iterdir()) == [digest[3:5]]


def test_a_store_of_an_older_trueup_is_read_and_not_copied(tmp_path: Path) -> None:
    for raw, digest in zip(CONTENTS, NAMES, strict=True):
        path = tmp_path / "blobs" / digest[3:5] / digest[5:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        path.chmod(0o400)
    store = open_store(tmp_path / "blobs")
    put_all(store)
    assert not (store.folder / "packs").exists()
    assert is_complete(store.folder)


def test_a_pack_taken_in_and_rewritten_by_others_is_not_indexed_again(tmp_path: Path) -> None:
    mine, other = Index(tmp_path / "blobs"), open_store(tmp_path / "blobs")
    growing = Growing(tmp_path / "blobs")
    for raw in CONTENTS:
        growing.writer.add(raw)
    mine.prepare()
    sealed = growing.seal(mine.packs)
    numbers = mine._opened.write(lambda c: index._announce(c, [sealed]))
    other.delete(NAMES[100:])
    assert not (other.folder / "packs" / f"{sealed.name}.pack").exists()
    rows = [(e.key, numbers[sealed.name], *e[1:], 0) for e in sealed.entries]
    mine._opened.write(lambda c: index._insert(c, rows))
    assert other.missing(NAMES) == set(NAMES[100:])
    assert dict(other.get_many(NAMES[:100])) == dict(zip(NAMES, CONTENTS[:100], strict=False))
    assert not list(other.verify())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE blobs SET offset = offset + 1 WHERE digest = ?", "wrong place"),
        ("UPDATE blobs SET size = size + 1 WHERE digest = ?", "wrong place"),
        ("UPDATE blobs SET digest = zeroblob(32) WHERE digest = ?", "does not hold it"),
    ],
)
def test_an_index_that_disagrees_with_a_footer_is_named(
    folder: Path, change: str, problem: str
) -> None:
    with sqlite3.connect(folder / "index.db") as connection:
        connection.execute(change, (digests.key(NAMES[7]),))
    connection.close()
    [damage] = open_store(folder).verify()
    assert (damage.place, problem in damage.problem) == ("index.db", True)


def test_a_locked_index_is_an_error_that_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.backends.blobs.local.opening._WAIT_S", 0.01)
    with sqlite3.connect(folder / "index.db", isolation_level=None) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("DELETE FROM blobs WHERE digest = x'00'")
        store = open_store(folder)
        with pytest.raises(BackendError) as caught, store.batch() as batch:
            batch.put(b"waits")
        assert caught.value.code == "blob-index-failed"
        holder.execute("ROLLBACK")
    holder.close()
    assert is_complete(folder)


FORKS = """
import os, sys
from pathlib import Path
from trueup.backends.blobs.local import Backend
store = Backend(sys.argv[1])
big = os.urandom(3 << 20)
Path(sys.argv[2]).write_bytes(big)
digest = store.put_file(Path(sys.argv[2]))
with store.batch() as batch:
    small = batch.put(b"of the parent")
for number in range(3):
    child = os.fork()
    if not child:
        assert store._index._opened._connection is None, "the parent's connection is not ours"
        with store.batch() as batch:
            batch.put(b"of a child %d" % number)
            batch.put_file(Path(sys.argv[2]))
        assert store.get(small) == b"of the parent" and store.get(digest) == big
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
print(len(list(store.digests())), list(store.verify()))
"""


def test_a_store_goes_on_in_forked_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKS, f"local://{tmp_path}/blobs", str(tmp_path / "big")]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.stdout.split(maxsplit=1) == ["5", "[]\n"], done.stderr
