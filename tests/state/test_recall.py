"""A remembered answer is given only while nothing was recorded since it was read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.foundation.actor import Actor
from trueup.state import eventlog
from trueup.state.recall import Recall
from trueup.state.unit import State


@pytest.fixture
def recall(home: Path) -> Recall:
    return Recall(f"sqlite:///{home / 'trueup.db'}", home / "cache" / "answer.json", "1")


@pytest.fixture
def remembered(recall: Recall, state: State, owner: Actor) -> Recall:
    """Olga has asked, and 42 was the answer."""
    recall.keep("olga", newest(state, owner), 42)
    assert recall.answer("olga", int) == 42
    return recall


def newest(state: State, actor: Actor) -> str:
    with state.read(actor) as connection:
        return eventlog.last_id(connection)


def record(state: State, actor: Actor) -> None:
    with state.write(actor, "plan.write") as unit:
        unit.emit("thing.made", "run:a")


def test_nothing_is_known_at_first(recall: Recall) -> None:
    assert recall.answer("olga", int) is None


def test_whatever_is_recorded_ends_it(remembered: Recall, state: State, owner: Actor) -> None:
    record(state, owner)
    assert remembered.answer("olga", int) is None


def test_what_was_undone_was_not_recorded(remembered: Recall, state: State, owner: Actor) -> None:
    with pytest.raises(ZeroDivisionError), state.write(owner, "plan.write") as unit:
        unit.emit("thing.made", "run:a")
        raise ZeroDivisionError
    assert remembered.answer("olga", int) == 42


def test_it_is_for_the_person_who_asked(remembered: Recall) -> None:
    assert remembered.answer("sam", int) is None


def test_an_older_database_that_was_put_back_has_no_answer(
    remembered: Recall, state: State, owner: Actor, home: Path, tmp_path: Path
) -> None:
    state.close()  # its log is folded into the file that is copied
    backup = Path(shutil.copy(home / "trueup.db", tmp_path / "backup.db"))
    record(state, owner)
    remembered.keep("olga", newest(state, owner), 43)
    assert remembered.answer("olga", int) == 43
    state.close()
    for each in home.glob("trueup.db*"):
        each.unlink()
    shutil.copy(backup, home / "trueup.db")
    assert remembered.answer("olga", int) is None
    record(state, owner)  # as many events as before, but another one
    assert remembered.answer("olga", int) is None


def test_a_slower_process_does_not_bring_back_what_it_read_before(
    remembered: Recall, state: State, owner: Actor
) -> None:
    before = newest(state, owner)
    record(state, owner)
    remembered.keep("olga", newest(state, owner), 43)
    remembered.keep("olga", before, 42)
    assert remembered.answer("olga", int) is None


def test_another_trueup_asks_anew(remembered: Recall, home: Path) -> None:
    newer = Recall(f"sqlite:///{home / 'trueup.db'}", home / "cache" / "answer.json", "2")
    assert newer.answer("olga", int) is None


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "cut off": lambda raw: raw[: len(raw) // 2],
    "of another shape": lambda raw: raw.replace(b"42", b'"42"'),
    "no text": lambda raw: b"\xff" + raw,
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_file_is_no_answer(remembered: Recall, home: Path, how: str) -> None:
    file = home / "cache" / "answer.json"
    file.write_bytes(SPOILED[how](file.read_bytes()))
    assert remembered.answer("olga", int) is None


def test_a_process_killed_while_keeping_leaves_the_old_answer(
    remembered: Recall, home: Path
) -> None:
    (home / "cache" / "incoming-x").write_bytes(b'{"version":')
    assert remembered.answer("olga", int) == 42


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://there/trueup",
        "sqlite://",
        "sqlite:///{home}/other.db",
        "sqlite:///{home}/x?a=1",
    ],
)
def test_other_databases_have_no_answer(remembered: Recall, home: Path, url: str) -> None:
    other = Recall(url.format(home=home), home / "cache" / "answer.json", "1")
    assert other.answer("olga", int) is None
    assert not (home / "other.db").exists()


def test_a_damaged_database_has_no_answer(remembered: Recall, state: State, home: Path) -> None:
    state.close()
    (home / "trueup.db").write_bytes(b"This is no database.")
    assert remembered.answer("olga", int) is None


def test_where_nothing_can_be_written_nothing_is_kept(home: Path) -> None:
    (home / "cache").write_text("a file")
    recall = Recall(f"sqlite:///{home / 'trueup.db'}", home / "cache" / "answer.json", "1")
    recall.keep("olga", "e", 42)
    assert recall.answer("olga", int) is None
