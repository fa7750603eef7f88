"""A remote: whatever goes there comes back as it was, is sent once, and nothing false is taken."""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.foundation.packs import Entry
from trueup.foundation.records import decode, encode
from trueup.ports.blobs import Blobs
from trueup.state.remotes import fetching, link, sending
from trueup.state.remotes.cache import Place
from trueup.state.remotes.remote import Remote
from trueup.testing.s3_server import KEY, S3Server

from .conftest import Open, noise, store


def put_all(blobs: Blobs, contents: list[bytes]) -> list[str]:
    with blobs.batch() as batch:
        return [batch.put(raw) for raw in contents]


def objects_in(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / kind).glob("*"))


def written(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """All that lies in a folder, and when each was written; to be read changes nothing of it."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {path: (it.st_ino, it.st_size, it.st_mtime_ns) for path, it in found.items()}


def refusal(action: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises((BackendError, NotFoundError, UsageError)) as caught:
        action()
    return caught.value.code, caught.value.message


def test_what_was_pushed_is_pulled_as_it_was(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs
) -> None:
    contents = [b"", b"x", b"y" * 70_000, noise(5000), noise(5 << 20), b"z" * (6 << 20)]
    wanted = put_all(mine, contents)
    sent = remote.push(mine, wanted)
    assert (sent.blobs, sent.size, sent.known) == (6, sum(map(len, contents)), 0)
    got = open_remote("theirs").pull(theirs, wanted)
    assert (got.blobs, got.size) == (6, sum(map(len, contents)))
    assert [theirs.get(digest) for digest in wanted] == contents


def test_a_second_push_sends_nothing(remote: Remote, mine: Blobs, folder: Path) -> None:
    wanted = put_all(mine, [noise(100), noise(5 << 20)])
    remote.push(mine, wanted)
    before = written(folder)
    again = remote.push(mine, wanted)
    assert (again.blobs, again.moved, again.known) == (0, 0, 2)
    assert written(folder) == before


def test_equal_bytes_travel_once(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs
) -> None:
    shared = noise(5 << 20)
    remote.push(mine, [mine.put(shared)])
    others = open_remote("theirs").push(theirs, [theirs.put(shared), theirs.put(b"new")])
    assert (others.blobs, others.known) == (1, 1)


def test_text_travels_compressed(remote: Remote, mine: Blobs) -> None:
    text = b"".join(b"%d,%d\n" % (n, n * 7) for n in range(600_000))
    assert remote.push(mine, [mine.put(text)]).moved < len(text) / 2


def test_a_small_edit_of_a_large_file_sends_its_share(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs
) -> None:
    before = noise(16 << 20)
    at = 7 << 20
    after = before[:at] + noise(160_000, seed=2) + before[at + 150_000 :]
    wanted = [mine.put(before), mine.put(after)]
    remote.push(mine, wanted[:1])
    sent = remote.push(mine, wanted[1:])
    assert 160_000 < sent.moved < len(after) * 0.04
    other = open_remote("theirs")
    other.pull(theirs, wanted[:1])
    got = other.pull(theirs, wanted[1:])
    assert theirs.get(wanted[1]) == after
    assert 160_000 < got.moved < len(after) * 0.04, "chunks that are here were fetched"


def test_a_chunk_is_copied_only_from_a_file_that_is_still_as_it_was(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs
) -> None:
    before = noise(5 << 20)
    wanted = [mine.put(before), mine.put(before + b"more")]
    remote.push(mine, wanted)
    other = open_remote("theirs")
    other.pull(theirs, wanted[:1])
    path = theirs.local_path(wanted[0])
    path.chmod(0o600)
    path.write_bytes(noise(5 << 20, seed=9))
    other.pull(theirs, wanted[1:])
    assert theirs.get(wanted[1]) == before + b"more"


def test_a_blob_that_is_nowhere_is_named(remote: Remote, mine: Blobs) -> None:
    unknown = digests.of_bytes(b"never seen")
    code, message = refusal(lambda: remote.push(mine, [mine.put(b"x"), unknown]))
    assert (code, digests.short(unknown) in message) == ("blob-not-found", True)
    remote.push(mine, [mine.put(b"x")])
    assert refusal(lambda: remote.pull(mine, [unknown]))[0] == "blob-not-found"
    assert refusal(lambda: list(remote.read([unknown])))[0] == "blob-not-found"


def test_a_blob_that_is_only_there_is_no_reason_to_refuse(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs
) -> None:
    there = mine.put(b"pushed by somebody else")
    remote.push(mine, [there])
    assert open_remote("theirs").push(theirs, [there]).known == 1


def test_a_damaged_blob_is_not_sent(remote: Remote, mine: Blobs, folder: Path) -> None:
    digest = mine.put(noise(5 << 20))
    path = mine.local_path(digest)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(3 << 20)
        file.write(b"oops")
    assert refusal(lambda: remote.push(mine, [digest]))[0] == "blob-damaged"
    assert not remote.has([digest])


def test_nothing_was_ever_pushed(remote: Remote, mine: Blobs) -> None:
    assert refusal(lambda: remote.pull(mine, [mine.put(b"x")]))[0] == "remote-empty"
    assert refusal(remote.refresh)[0] == "remote-empty"


def test_a_remote_of_the_future_is_left_alone(remote: Remote, mine: Blobs, folder: Path) -> None:
    remote.push(mine, [mine.put(b"x")])
    file = folder / "trueup.json"
    layout = decode(file.read_bytes(), link.Layout)

    def write(**changes: Any) -> None:
        changed = msgspec.structs.replace(layout, **changes)
        check = link._check_of(changed)  # a newer Trueup wrote it, and nobody damaged it
        file.write_bytes(encode(msgspec.structs.replace(changed, check=check)))

    write(layout=2)
    assert refusal(remote.refresh)[0] == "remote-newer"
    write(cutting="other:1")
    assert refusal(remote.refresh)[0] == "remote-newer"
    file.write_text("{}")
    assert refusal(remote.refresh)[0] == "remote-damaged"


@pytest.mark.parametrize("url", ["ftp://x/y", "nothing", "local:///x"])
def test_a_url_of_another_kind_is_refused(url: str, tmp_path: Path) -> None:
    code, _ = refusal(lambda: Remote(url, tmp_path))
    assert code == "remote-url"


@pytest.mark.parametrize("where", ["start", "middle", "end"])
@pytest.mark.parametrize("kind", ["packs", "indexes"])
def test_a_wrong_byte_is_never_taken(
    remote: Remote,
    open_remote: Open,
    mine: Blobs,
    theirs: Blobs,
    folder: Path,
    kind: str,
    where: str,
) -> None:
    contents = [noise(3000, seed) for seed in range(50)]
    wanted = put_all(mine, contents)
    remote.push(mine, wanted)
    (damaged,) = objects_in(folder, kind)
    raw = bytearray(damaged.read_bytes())
    at = {"start": 40, "middle": len(raw) // 2, "end": 16 + 3000 * 50 - 5}[where] % len(raw)
    raw[at] ^= 1
    damaged.write_bytes(raw)
    code, message = refusal(lambda: open_remote("theirs").pull(theirs, wanted))
    assert (code, damaged.name in message) == ("remote-damaged", True)
    kept = list(theirs.digests())
    assert all(theirs.get(digest) in contents for digest in kept)


@pytest.mark.parametrize("kind", ["packs", "indexes"])
def test_an_object_that_is_cut_short_or_foreign_is_refused(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs, folder: Path, kind: str
) -> None:
    wanted = put_all(mine, [noise(3000, seed) for seed in range(5)])
    remote.push(mine, wanted)
    (damaged,) = objects_in(folder, kind)
    for number, wrong in enumerate([damaged.read_bytes()[:-2000], b"", b"<html>not found</html>"]):
        damaged.write_bytes(wrong)
        code, _ = refusal(lambda n=number: open_remote(f"other{n}").pull(theirs, wanted))
        assert code == "remote-damaged"
    if kind == "packs":
        damaged.write_bytes(damaged.read_bytes()[:5])
        assert "cut short" in refusal(lambda: open_remote("short").pull(theirs, wanted))[1]
    damaged.unlink()
    code, _ = refusal(lambda: open_remote("last").pull(theirs, wanted))
    assert code == ("object-not-found" if kind == "packs" else "blob-not-found")


def test_where_one_pack_fails_another_one_with_the_same_blob_is_asked(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs, folder: Path
) -> None:
    shared = mine.put(noise(3000))
    remote.push(mine, [shared])
    (first,) = objects_in(folder, "packs")
    other = open_remote("theirs", "")
    other.refresh()
    other._link.cache.forget(other._link.cache.indexes())  # as if it had looked before the push
    with sending.Workers(1) as workers:
        sender = sending.Sender(other._link, workers, lambda *_: None, salted=True)
        sender.add(noise(3000))
        sender.finish(0)
    first.write_bytes(b"x" * first.stat().st_size)
    open_remote("third").pull(theirs, [shared])
    assert theirs.get(shared) == noise(3000)


def test_what_is_remembered_can_be_thrown_away(
    remote: Remote, open_remote: Open, mine: Blobs, tmp_path: Path
) -> None:
    wanted = put_all(mine, [b"a", b"b"])
    remote.push(mine, wanted)
    remote.close()
    (file,) = (tmp_path / "mine/cache").glob("*.db")
    file.write_bytes(b"no database")
    again = open_remote()
    assert again.push(mine, wanted).known == 2
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_told_and_the_next_pull_goes_on(
    remote: Remote,
    open_remote: Open,
    mine: Blobs,
    theirs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = [mine.put(noise(5 << 20))]
    remote.push(mine, wanted)
    other = open_remote("theirs")
    written = iter(range(10))

    def fills_up(handle: int, raw: bytes, at: int) -> int:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(handle, raw, at)

    pwrite = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fills_up)
        code, message = refusal(lambda: other.pull(theirs, wanted))
    assert (code, "No space left" in message) == ("disk-full", True)
    assert not theirs.has(wanted[0])
    assert other.pull(theirs, wanted).moved < 5 << 20, "what was written was fetched again"
    assert theirs.get(wanted[0]) == noise(5 << 20)


def test_a_place_that_was_emptied_is_filled_again(
    remote: Remote, mine: Blobs, folder: Path
) -> None:
    wanted = put_all(mine, [b"a", noise(5 << 20)])
    remote.push(mine, wanted)
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    assert remote.push(mine, wanted).blobs == 2


def test_two_who_push_at_once_lose_nothing(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs, tmp_path: Path
) -> None:
    a = put_all(mine, [noise(1000, seed) for seed in range(30)])
    b = put_all(theirs, [noise(1000, seed) for seed in range(20, 50)])
    other = open_remote("theirs")
    with sending.Workers(2) as workers:
        workers.submit(remote.push, mine, a)
        workers.submit(other.push, theirs, b)
    third = store(tmp_path / "third")
    open_remote("third").pull(third, [*a, *b])
    assert not third.missing([*a, *b])


def test_many_packs_and_indexes_are_as_good_as_few(
    remote: Remote,
    open_remote: Open,
    mine: Blobs,
    theirs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> None:
    monkeypatch.setattr(sending, "_PACKS_PER_INDEX", 2)
    monkeypatch.setattr("trueup.foundation.packs.FULL", 200_000)
    contents = [noise(8 << 20), *(noise(3000, seed) for seed in range(200))]
    wanted = put_all(mine, contents)
    objects = remote._link.objects
    slow = threading.Event()
    put = objects.put

    def late(path: str, raw: bytes) -> None:
        """The first pack arrives after all others that may overtake it."""
        if path.startswith("packs/") and not slow.is_set():
            slow.set()
            time.sleep(0.2)
        put(path, raw)

    monkeypatch.setattr(objects, "put", late)
    remote.push(mine, wanted)
    packs = len(objects_in(folder, "packs"))
    assert packs > 20
    assert len(objects_in(folder, "indexes")) == (packs + 1) // 2  # whichever arrived first
    open_remote("theirs").pull(theirs, wanted)
    assert [theirs.get(digest) for digest in wanted] == contents
    assert remote.push(mine, wanted).moved == 0


@given(st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ranges_hold_all_blobs_and_stay_small(data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers()))
    places = []
    for pack in "ab":
        at = 16
        for _ in range(rng.randrange(60)):
            length = rng.choice([0, 10, 4000, 1 << 20])
            if rng.random() < 0.5:
                places.append(Place(pack, Entry(rng.randbytes(32), at, length, length)))
            at += length
    found = list(fetching.stretches(rng.sample(places, len(places))))
    assert sorted(p for s in found for p in s.places) == sorted(places)
    for stretch in found:
        assert stretch.end - stretch.start <= 8 << 20
        for pack, entry in stretch.places:
            assert pack == stretch.pack
            assert stretch.start <= entry.offset <= entry.offset + entry.stored <= stretch.end


class TestRecords:
    """Small named things that change: branches, and the cached results of steps."""

    def test_they_come_back(self, remote: Remote, open_remote: Open) -> None:
        assert remote.get_record("steps", "ab12") is None
        assert remote.put_record("steps", "ab12", b"result") == ""
        found = open_remote("theirs").get_record("steps", "ab12")
        assert found is not None
        assert found.raw == b"result"

    def test_many_are_asked_for_at_once(self, remote: Remote) -> None:
        for number in range(9):
            remote.put_record("steps", f"key{number}", str(number).encode())
        names = [f"key{number}" for number in range(0, 20, 2)]
        assert remote.get_records("steps", names) == {f"key{n}": b"%d" % n for n in (0, 2, 4, 6, 8)}
        assert sorted(remote.list_records("steps")) == [f"key{number}" for number in range(9)]
        remote.delete_records("steps", ["key1", "never"])
        assert len(remote.list_records("steps")) == 8

    def test_of_two_who_change_one_at_once_one_is_told(self, remote: Remote) -> None:
        first = remote.put_record("refs", "flights/main", b"1", expected="")
        assert first
        assert remote.put_record("refs", "flights/main", b"2", expected="") is None
        second = remote.put_record("refs", "flights/main", b"2", expected=first)
        assert second
        assert remote.put_record("refs", "flights/main", b"3", expected=first) is None
        held = remote.get_record("refs", "flights/main")
        assert held is not None
        assert (held.raw, held.tag) == (b"2", second)
        assert remote.list_records("refs", "flights") == ["flights/main"]

    @pytest.mark.parametrize("wrong", [b"", b"result", b"trueup-record 1 b3:00\nx"])
    def test_bytes_that_are_not_theirs_are_refused(
        self, remote: Remote, folder: Path, wrong: bytes
    ) -> None:
        remote.put_record("steps", "ab12", b"result")
        (folder / "steps/ab12").write_bytes(wrong)
        assert refusal(lambda: remote.get_record("steps", "ab12"))[0] == "remote-damaged"
        assert refusal(lambda: remote.get_records("steps", ["ab12"]))[0] == "remote-damaged"

    @pytest.mark.parametrize("kind", ["packs", "indexes", "tombstones", "", "a/b", "Steps"])
    def test_they_stay_out_of_other_folders(self, remote: Remote, kind: str) -> None:
        assert refusal(lambda: remote.put_record(kind, "x", b""))[0] == "object-path"


class TestOverHttp:
    """The same against a real S3 server, where each request costs."""

    def test_what_was_pushed_is_pulled_as_it_was(
        self, bucket: str, open_remote: Open, mine: Blobs, theirs: Blobs
    ) -> None:
        contents = [b"", noise(5000), noise(5 << 20)]
        wanted = put_all(mine, contents)
        open_remote("mine", bucket).push(mine, wanted)
        open_remote("theirs", bucket).pull(theirs, wanted)
        assert [theirs.get(digest) for digest in wanted] == contents

    def test_the_requests_of_a_push_are_few(
        self, bucket: str, open_remote: Open, mine: Blobs, s3_server: S3Server
    ) -> None:
        remote = open_remote("mine", bucket)
        wanted = put_all(mine, [noise(200, seed) for seed in range(5000)])
        with s3_server.recorded() as requests:
            remote.push(mine, wanted)
        written = [r.path.split("/")[3] for r in requests if r.method == "PUT"]
        assert written == ["trueup.json", "packs", "indexes"]
        with s3_server.recorded() as requests:
            assert remote.push(mine, wanted).known == 5000
        assert len(requests) == 3
        with s3_server.recorded() as requests:
            remote.push(mine, [*wanted, mine.put(b"one more")])
        assert [r.method for r in requests] == ["GET", "GET", "GET", "PUT", "PUT"]

    def test_a_failure_half_way_is_told_and_the_next_push_goes_on(
        self,
        bucket: str,
        open_remote: Open,
        mine: Blobs,
        s3_server: S3Server,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("trueup.foundation.packs.FULL", 300_000)
        wanted = put_all(mine, [noise(3000, seed) for seed in range(500)])
        remote = open_remote("mine", bucket)

        def full(request: object) -> str | None:
            writes = [r for r in s3_server.requests if r.method == "PUT" and "/packs/" in r.path]
            return "507 QuotaExceeded" if len(writes) > 3 else None

        with s3_server.recorded(), s3_server.answering(full):
            code, message = refusal(lambda: remote.push(mine, wanted))
        assert (code, "507 QuotaExceeded" in message) == ("remote-failed", True)
        assert KEY not in message
        finished = {r.path for r in s3_server.requests if "/packs/" in r.path}
        with s3_server.recorded() as requests:
            remote.push(mine, wanted)
        sent = [r.path for r in requests if r.method == "PUT" and "/packs/" in r.path]
        assert len(sent) == 2, "a finished pack was sent again"
        assert finished
