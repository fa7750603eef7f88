"""What files a batch takes, what it makes of those that move under its hands, and how files lie."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from trueup.backends.blobs.local import Backend, sources
from trueup.foundation import clock, digests, packs
from trueup.foundation.errors import UsageError


@pytest.fixture
def store(tmp_path: Path) -> Backend:
    return Backend(f"local://{tmp_path / 'blobs'}")


@pytest.mark.parametrize(
    ("size", "large"), [(1000, 1 << 30), (200_000, 1 << 30), (3 << 20, 1 << 30), (3 << 20, 1 << 20)]
)
def test_a_file_that_changes_while_it_is_read_is_kept_under_the_digest_of_what_was_read(
    store: Backend, tmp_path: Path, size: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_SYNC_EVERY", large)
    path, stop = tmp_path / "restless", threading.Event()
    path.write_bytes(b"0" * size)

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with path.open("r+b") as file:
                file.write(str(number % 10).encode() * (size - number % 7 * 50))
                file.truncate()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        with store.batch() as batch:
            named = {batch.put_file(path) for _ in range(10)} | {store.put_file(path)}
    finally:
        stop.set()
        thread.join()
    assert all(digests.of_bytes(store.get(digest)) == digest for digest in named)
    assert not list(store.verify())


def test_a_pipe_is_refused_and_not_waited_for(store: Backend, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError) as caught, store.batch() as batch:
        batch.put_file(tmp_path / "pipe")
    assert caught.value.code == "file-unreadable"


def test_a_file_that_says_it_is_empty_is_read_to_its_end(store: Backend) -> None:
    # Files of /proc have no size until they are read.
    assert b"Linux" in store.get(store.put_file(Path("/proc/version")))


def test_a_file_longer_than_the_kernel_copies_at_once_is_whole(
    store: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_SYNC_EVERY", 1 << 20)
    monkeypatch.setattr("trueup.backends.blobs.local.incoming._AT_ONCE", 1 << 19)
    raw = digests.key_of(b"long") * 200_001
    (tmp_path / "long").write_bytes(raw)
    with store.batch() as batch:
        digest = batch.put_file(tmp_path / "long")
    assert digest == digests.of_bytes(raw)
    assert store.get(digest) == raw


def test_small_blobs_share_packs_and_large_ones_are_files(store: Backend) -> None:
    with store.batch() as batch:
        small = batch.put(b"x" * (packs.SMALL - 1))
        large = batch.put(b"x" * packs.SMALL)
    [pack] = (store.folder / "packs").iterdir()
    wholes = [path for path in store.folder.glob("??/*") if path.is_file()]
    assert [path.parent.name + path.name for path in wholes] == [large[3:]]
    assert pack.stat().st_size < 1000, "what can be compressed is"
    assert store.local_path(small).read_bytes() == b"x" * (packs.SMALL - 1)
    assert stat.S_IMODE(store.local_path(small).stat().st_mode) == 0o400


def test_full_packs_are_finished_on_the_way(
    store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "FULL", 30_000)
    monkeypatch.setattr("trueup.backends.blobs.local.batch._UNINDEXED", 1000)
    monkeypatch.setattr("trueup.backends.blobs.local.batch._GROUP_BLOBS", 50)
    contents = [digests.key_of(b"%d" % number) for number in range(5000)]
    with store.batch() as batch:
        named = [batch.put(raw) for raw in contents]
        assert len(list((store.folder / "packs").iterdir())) >= 2
        assert len(batch._known) < 4000, "what is indexed is no longer held in memory"
    assert dict(store.get_many(named)) == dict(zip(named, contents, strict=True))
    assert len(list((store.folder / "packs").iterdir())) == 6


def test_a_leftover_is_removed_when_it_is_old_and_nobody_holds_it(
    store: Backend, tmp_path: Path
) -> None:
    left = [store.folder / f"incoming-{name}" for name in ("young", "old", "held")]
    with store.batch() as batch:
        held = batch.aside()
        left[2] = held
        for path in left[:2]:
            path.write_bytes(b"half")
        for path in left[1:]:
            os.utime(path, (0, 0))
        Backend(f"local://{store.folder}")
        assert [path.exists() for path in left] == [True, False, True]
    assert not held.exists()


def test_a_blob_renewed_while_a_collector_looks_at_it_stays(
    store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, look = clock.now(), os.open
    with clock.held_at(now - timedelta(days=2)):
        digest = store.put(b"old")

    def look_late(path: Path, *how: int) -> int:
        monkeypatch.setattr(os, "open", look)
        assert store.put(b"old") == digest  # the collector has seen that it is old
        return look(path, *how)

    monkeypatch.setattr(os, "open", look_late)
    assert store.delete([digest], stored_before=now - timedelta(days=1)) == 0
    assert store.get(digest) == b"old"


def test_a_blob_removed_while_it_is_renewed_is_written_again(
    store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, lock = clock.now(), fcntl.flock
    with clock.held_at(now - timedelta(days=2)):
        digest = store.put(b"old")

    def lock_late(handle: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        assert store.delete([digest], stored_before=now - timedelta(days=1)) == 3
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    assert store.put(b"old") == digest
    assert store.get(digest) == b"old"


def test_equal_blobs_make_packs_of_different_names(tmp_path: Path) -> None:
    # Else a pack being removed could be one that somebody is writing anew.
    names = set()
    for number in range(2):
        store = Backend(f"local://{tmp_path / str(number)}")
        with store.batch() as batch:
            batch.put(b"equal")
        names |= {path.name for path in (store.folder / "packs").iterdir()}
    assert len(names) == 2


def test_a_hard_link_that_cannot_be_made_becomes_a_copy(store: Backend, tmp_path: Path) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to link to")
    target = shared / f"trueup-test-{os.getpid()}"
    try:
        store.materialise(store.put(b"elsewhere"), target, link="hard")
        assert target.read_bytes() == b"elsewhere"
        assert stat.S_IMODE(target.stat().st_mode) == 0o444
        assert target.stat().st_nlink == 1
    finally:
        target.unlink(missing_ok=True)


def test_many_blobs_given_at_once_are_each_kept_once(store: Backend) -> None:
    raws = [bytes([number]) * size for number in range(9) for size in (1, 500)] * 2
    with store.batch() as batch:
        small = batch.put_many(raws)
        mixed = batch.put_many([b"small", b"x" * packs.SMALL])
    assert small[: len(raws) // 2] == small[len(raws) // 2 :]
    assert [store.get(digest) for digest in small] == raws
    assert [len(store.get(digest)) for digest in mixed] == [5, packs.SMALL]
    assert len(list(store.digests())) == 20
