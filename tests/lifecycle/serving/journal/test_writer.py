"""The journal's writer: durable before it answers, and honest when the disk fails."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event, Semaphore, Thread

import pytest

from trueup.foundation.errors import BackendError
from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.writer import DURABLE, NOWHERE, Journal, Way
from trueup.lifecycle.serving.records import Gap, Predictions

from ..conftest import prediction


def _requests(folder: Path) -> list[str]:
    return [record.request for record, _ in read(folder) if isinstance(record, Predictions)]


def _hex(number: int) -> str:
    return f"{number:032x}"


def test_what_was_acknowledged_can_be_read_by_others(folder: Path) -> None:
    journal = Journal(folder)
    place = journal.write([prediction(_hex(1)), prediction(_hex(2))])
    assert _requests(folder) == [_hex(1), _hex(2)]
    assert place.offset == 0
    assert journal.write([prediction(_hex(3))]).offset > 0
    journal.close()
    assert _requests(folder) == [_hex(1), _hex(2), _hex(3)]


def test_nobody_is_told_before_the_sync_is_done_and_the_next_group_forms_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is stopped here: killing a process does not show a missing sync."""
    may_sync, syncing, real = Event(), Semaphore(0), os.fdatasync

    def stopped(descriptor: int) -> None:
        syncing.release()
        assert may_sync.wait(5)
        real(descriptor)

    monkeypatch.setattr("trueup.lifecycle.serving.journal.tail.os.fdatasync", stopped)
    journal = Journal(folder)

    async def burst() -> None:
        first = journal.append([prediction(_hex(1))])
        assert await asyncio.to_thread(syncing.acquire, timeout=5)
        later = [journal.append([prediction(_hex(i))]) for i in range(2, 9)]
        await asyncio.sleep(0.01)
        assert not first.done()
        assert not any(future.done() for future in later)
        may_sync.set()
        await asyncio.gather(first, *later)

    asyncio.run(burst())
    assert sum(journal.sync_seconds.counts) == 2
    journal.close()


def test_appends_of_many_tasks_share_a_sync(folder: Path) -> None:
    journal = Journal(folder)

    async def burst() -> None:
        await asyncio.gather(*(journal.append([prediction(_hex(i))]) for i in range(500)))

    asyncio.run(burst())
    journal.close()
    assert sorted(_requests(folder)) == [_hex(i) for i in range(500)]
    assert sum(journal.sync_seconds.counts) < 100


def test_threads_may_write_too(folder: Path) -> None:
    journal = Journal(folder)
    threads = [
        Thread(target=lambda i=i: journal.write([prediction(_hex(i))]))  # type: ignore[misc]
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert sorted(_requests(folder)) == [_hex(i) for i in range(8)]


def test_only_the_owner_may_read_the_files(folder: Path) -> None:
    journal = Journal(folder)
    journal.write([prediction(_hex(1))])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    journal.close()


def test_a_full_segment_is_sealed_and_the_next_one_begun(folder: Path) -> None:
    journal = Journal(folder, segment_bytes=500)
    for i in range(10):
        journal.write([prediction(_hex(i))])
    listed = folders.segments(folder)
    assert len(listed) > 2
    assert all(segment.sealed for segment in listed[:-1])
    journal.close()
    assert _requests(folder) == [_hex(i) for i in range(10)]


def test_sealing_on_request_makes_the_segment_final(folder: Path) -> None:
    journal = Journal(folder)
    journal.seal()
    assert folders.segments(folder) == [], "nothing was written, so there is nothing to seal"
    journal.write([prediction(_hex(1))])
    journal.seal()
    assert [segment.sealed for segment in folders.segments(folder)] == [True]
    journal.write([prediction(_hex(2))])
    journal.close()
    assert [segment.sealed for segment in folders.segments(folder)] == [True, True]


class Disk:
    """A disk that fills up in the middle of a frame, or whose syncs fail, until it is mended."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self.can_sync = True
        self._journal = journal
        self._write, self._fdatasync = os.write, os.fdatasync
        monkeypatch.setattr(os, "write", self._limited)
        monkeypatch.setattr(os, "fdatasync", self._synced)

    def _limited(self, descriptor: int, raw: bytes) -> int:
        if self.room is None or descriptor != self._journal._tail._descriptor:
            return self._write(descriptor, raw)
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, memoryview(raw)[: self.room])
        self.room -= written
        return written

    def _synced(self, descriptor: int) -> None:
        if not self.can_sync:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fdatasync(descriptor)


def _until(happened: Callable[[], bool]) -> None:
    for _ in range(500):
        if happened():
            return
        Event().wait(0.01)
    raise AssertionError("it never happened")


async def _burst(journal: Journal, numbers: range, way: Way = DURABLE) -> list[object]:
    waiting = [journal.append([prediction(_hex(i))], way) for i in numbers]
    return await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("fault", ["full", "sync"])
def test_after_a_failed_write_nothing_is_acknowledged_any_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    journal = Journal(folder, try_again_s=60)
    disk = Disk(journal, monkeypatch)
    journal.write([prediction(_hex(1))])
    disk.room, disk.can_sync = (40, True) if fault == "full" else (None, False)
    outcomes = asyncio.run(_burst(journal, range(2, 7)))
    assert {getattr(outcome, "code", None) for outcome in outcomes} == {"journal-failed"}
    disk.room, disk.can_sync = None, True
    with pytest.raises(BackendError, match="cannot be written") as refused:
        journal.write([prediction(_hex(9))])
    assert refused.value.code == "journal-failed"
    assert journal.failed is not None
    assert _requests(folder) == [_hex(1)], "what was refused was cut off"
    assert [segment.sealed for segment in folders.segments(folder)] == [True]
    journal.close()


@pytest.mark.parametrize("fault", ["full", "sync"])
def test_when_the_disk_is_back_a_fresh_segment_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    journal = Journal(folder, try_again_s=0.01)
    disk = Disk(journal, monkeypatch)
    journal.write([prediction(_hex(1))])
    disk.room, disk.can_sync = (0, True) if fault == "full" else (None, False)
    with pytest.raises(BackendError):
        journal.write([prediction(_hex(2))])
    disk.room, disk.can_sync = None, True
    _until(lambda: journal.failed is None)
    journal.write([prediction(_hex(3))])
    journal.close()
    assert _requests(folder) == [_hex(1), _hex(3)]
    (gap,) = [record for record, _ in read(folder) if isinstance(record, Gap)]
    assert gap.missing == {}, "whoever was refused is not missing"


def test_a_deployment_that_may_miss_is_answered_and_what_is_missing_is_on_record_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder, try_again_s=0.01)
    disk = Disk(journal, monkeypatch)
    journal.write([prediction(_hex(1))])
    disk.room = 0
    outcomes = asyncio.run(_burst(journal, range(2, 7), Way(may_miss=True)))
    assert outcomes == [NOWHERE] * 5
    assert journal.missing == {"late": 5}
    disk.room = None
    _until(lambda: journal.failed is None)
    journal.close()
    gaps = [record for record, _ in read(folder) if isinstance(record, Gap)]
    assert sum(gap.missing.get("late", 0) for gap in gaps) == 5
    assert any("No space left" in gap.reason for gap in gaps)
    assert _requests(folder) == [_hex(1)]


def test_what_is_only_written_is_acknowledged_before_the_sync_which_comes_soon(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.lifecycle.serving.journal.writer._UNSYNCED_S", 0.01)
    journal = Journal(folder)
    asyncio.run(_burst(journal, range(1), Way(durable=False)))
    _until(lambda: sum(journal.sync_seconds.counts) == 1)
    journal.close()
    assert _requests(folder) == [_hex(0)]


def test_while_syncs_are_quick_the_event_loop_writes_what_came_in_one_turn(folder: Path) -> None:
    journal = Journal(folder)
    journal._tail.usual_sync_s = 0.0
    asyncio.run(_burst(journal, range(5)))
    assert sum(journal.sync_seconds.counts) == 1
    journal.close()
    assert _requests(folder) == [_hex(i) for i in range(5)]


def test_a_write_that_takes_too_long_counts_as_a_failed_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    monkeypatch.setattr(Journal, "lag_s", 3.0)
    (refused,) = asyncio.run(_burst(journal, range(1), Way(lag_s=2.0)))
    assert getattr(refused, "code", None) == "journal-slow"
    assert asyncio.run(_burst(journal, range(1), Way(lag_s=2.0, may_miss=True))) == [NOWHERE]
    journal.close()
    assert _requests(folder) == []


def test_a_closed_journal_refuses_instead_of_waiting_for_ever(folder: Path) -> None:
    journal = Journal(folder)
    journal.close()
    journal.close()
    with pytest.raises(BackendError, match="stopping"):
        journal.write([prediction(_hex(1))])


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError):
        Journal(tmp_path / "file")


def test_the_segment_of_a_dead_writer_is_cut_sealed_and_counted(folder: Path) -> None:
    journal = Journal(folder)
    for i in range(3):
        journal.write([prediction(_hex(i))])
    journal.seal()
    (path,) = folder.glob("*.journal")
    whole = path.read_bytes()
    path.rename(path.with_suffix(".open"))
    path.with_suffix(".open").write_bytes(whole + whole[:50])
    journal.close()

    after = Journal(folder)
    assert [(r.name, r.kept_bytes, r.cut_bytes) for r in after.recovered] == [
        (path.stem, len(whole), 50)
    ]
    assert path.read_bytes() == whole
    after.close()


def test_recovery_never_cuts_what_stands_behind_damage(folder: Path) -> None:
    folder.mkdir()
    name, descriptor = folders.create(folder)
    whole = b"".join(bytes(_frame(i)) for i in range(3))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    os.write(descriptor, damaged)
    os.close(descriptor)
    (recovery,) = folders.recover(folder)
    assert (recovery.name, recovery.cut_bytes) == (name, 0)
    assert _requests(folder) == [_hex(0), _hex(2)]


def test_recovery_leaves_a_live_writer_alone_and_forgets_empty_segments(folder: Path) -> None:
    live = Journal(folder)
    live.write([prediction(_hex(1))])
    _, descriptor = folders.create(folder)
    os.close(descriptor)
    (recovery,) = folders.recover(folder)
    assert recovery.kept_bytes == 0
    assert [segment.sealed for segment in folders.segments(folder)] == [False]
    live.write([prediction(_hex(2))])
    live.close()
    assert _requests(folder) == [_hex(1), _hex(2)]


def test_names_rise_even_when_the_clock_was_set_back(folder: Path) -> None:
    folder.mkdir()
    future = f"{'f' * 12}7{'0' * 19}"
    (folder / f"{future}{folders.SEALED}").touch()
    name, descriptor = folders.create(folder)
    os.close(descriptor)
    assert name > future


def _frame(number: int) -> bytearray:
    from trueup.lifecycle.serving.journal import frames

    return frames.encode([prediction(_hex(number))])
