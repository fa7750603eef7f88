"""Reading on from a stored cursor: everything once, whatever the writers do meanwhile."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.foundation.records import decode, encode
from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Cursor, Predictions

from ..conftest import prediction


def _requests(folder: Path, cursor: Cursor | None = None) -> list[int]:
    found = [record for record, _ in read(folder, cursor)]
    return [int(record.request, 16) for record in found if isinstance(record, Predictions)]


def _write(journal: Journal, *numbers: int) -> None:
    journal.write([prediction(f"{number:032x}") for number in numbers])


def _last(folder: Path, cursor: Cursor | None = None) -> Cursor:
    *_, (_, last) = read(folder, cursor)
    return last


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2)),
        st.tuples(st.just("seal"), st.integers(0, 2)),
        st.tuples(st.just("read"), st.integers(0, 6)),
    ),
    max_size=25,
)


@settings(max_examples=25)
@given(steps)
def test_every_record_comes_exactly_once_while_three_writers_write(
    plan: list[tuple[str, int]],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        writers = [Journal(folder) for _ in range(3)]
        cursor = Cursor()
        written: list[int] = []
        seen: list[int] = []

        def consume(limit: int) -> None:
            nonlocal cursor
            for count, (record, after) in enumerate(read(folder, cursor)):
                if count == limit:
                    return
                assert isinstance(record, Predictions)
                seen.append(int(record.request, 16))
                cursor = decode(encode(after), Cursor)

        for verb, number in plan:
            if verb == "write":
                written.append(len(written))
                _write(writers[number], written[-1])
            elif verb == "seal":
                writers[number].seal()
            else:
                consume(number)
        for writer in writers:
            writer.close()
        consume(1000)
        assert sorted(seen) == written


def test_a_cursor_stays_valid_when_the_segment_is_sealed(folder: Path) -> None:
    journal = Journal(folder)
    _write(journal, 1)
    cursor = _last(folder)
    _write(journal, 2)
    journal.close()
    assert _requests(folder, cursor) == [2]


def test_an_older_segment_may_still_grow_when_a_newer_one_was_read(folder: Path) -> None:
    older, newer = Journal(folder), Journal(folder)
    _write(older, 1)
    _write(newer, 2)
    newer.close()
    cursor = _last(folder)
    _write(older, 3)
    assert _requests(folder, cursor) == [3]
    older.close()
    cursor = _last(folder, cursor)
    assert list(read(folder, cursor)) == []
    assert cursor == Cursor(through=folders.segments(folder)[-1].name)


def test_finished_segments_leave_the_cursor(folder: Path) -> None:
    journal = Journal(folder, segment_bytes=1)
    for number in range(20):
        _write(journal, number)
    journal.close()
    assert _last(folder) == Cursor(through=folders.segments(folder)[-1].name)


def test_records_written_together_come_again_together(folder: Path) -> None:
    journal = Journal(folder)
    _write(journal, 1)
    _write(journal, 2, 3)
    journal.close()
    (_, _), (_, half), (_, done) = read(folder)
    assert _requests(folder, half) == [2, 3]
    assert _requests(folder, done) == []


def test_damage_is_skipped_and_counted(folder: Path) -> None:
    journal = Journal(folder)
    for number in range(3):
        _write(journal, number)
    journal.close()
    (path,) = folder.glob("*.journal")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    path.write_bytes(raw)
    assert _requests(folder) == [0, 2]
    assert _last(folder).lost_bytes == len(raw) // 3


def test_a_live_segment_is_read_to_its_last_whole_frame(folder: Path) -> None:
    journal = Journal(folder)
    _write(journal, 1)
    (path,) = folder.glob("*.open")
    with path.open("ab") as file:
        file.write(path.read_bytes()[:30])
    assert _requests(folder) == [1]
    assert list(read(folder, _last(folder))) == []
    journal.close()


def test_no_folder_means_no_records(tmp_path: Path) -> None:
    assert list(read(tmp_path / "nowhere")) == []


def test_removed_segments_leave_the_cursor(folder: Path) -> None:
    journal = Journal(folder)
    _write(journal, 1)
    journal.seal()
    cursor = _last(folder)
    next(folder.glob("*.journal")).unlink()
    _write(journal, 2)
    journal.close()
    after = _last(folder, cursor)
    assert _requests(folder, cursor) == [2]
    assert after.unfinished == {}
