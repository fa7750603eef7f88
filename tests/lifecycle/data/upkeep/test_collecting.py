"""Throwing away: nothing goes that anything refers to, nor what somebody is just keeping."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.foundation import clock, digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, ConflictError, DeniedError, NotFoundError
from trueup.lifecycle.data import manifest, table
from trueup.lifecycle.data.records import Entry
from trueup.lifecycle.data.upkeep import live, locking
from trueup.lifecycle.data.upkeep.collecting import UNUSED, YOUNG, Collected
from trueup.state import eventlog
from trueup.state.unit import State

from ..conftest import Desk, laid, write

HOUR = timedelta(hours=1)


@contextmanager
def later() -> Iterator[None]:
    """A day after everything was kept."""
    with clock.held_at(clock.now() + timedelta(days=1)):
        yield


def collected(
    desk: Desk, *, dry_run: bool = False, busy_since: datetime | None = None
) -> Collected:
    return desk.datasets.collect(
        desk.actor, desk.root, older_than=HOUR, dry_run=dry_run, busy_since=busy_since
    )


def shares(found: Collected) -> dict[str, tuple[int, bool]]:
    return {share.reason: (share.blobs, share.goes) for share in found.shares}


def test_what_nothing_refers_to_goes_and_everything_else_stays(desk: Desk, state: State) -> None:
    kept = desk.keep({"a": b"1", "big": b"x" * 100_000})
    lost = [state.blobs.put(raw) for raw in (b"small", b"y" * 100_000)]
    with later():
        seen = collected(desk, dry_run=True)
        assert (seen.done, seen.freed, seen.unused.blobs, seen.unused.size) == (
            False,
            0,
            2,
            100_005,
        )
        assert not state.blobs.missing(lost)
        done = collected(desk)
    assert shares(done) == {"data versions": (4, False), UNUSED: (2, True)}
    assert (done.done, done.freed) == (True, 100_005)
    assert state.blobs.missing(lost) == set(lost)
    assert not state.blobs.missing(set(manifest.blobs_of(state.blobs, kept.digest)))
    with state.read(desk.actor) as connection:
        (event,) = eventlog.about(connection, "data:blobs")
    assert (event.type, event.data["blobs"], event.data["freed"]) == ("data.collected", 2, 100_005)


def test_every_version_of_every_branch_stays(desk: Desk, state: State) -> None:
    versions = [desk.keep({"a": b"1"})]
    desk.branching.branch(desk.actor, "images", "trial", desk.root)
    versions.append(desk.keep({"a": b"2"}))
    desk.datasets.checkout(desk.actor, "images", desk.root, "main")
    desk.branching.delete(desk.actor, "images", "trial", desk.root)
    with later():
        collected(desk)
    for version in versions:
        shutil.rmtree(desk.place, ignore_errors=True)
        desk.datasets.checkout(desk.actor, "images", desk.root, str(version.version))
        assert laid(desk.place) == {"a": str(version.version).encode()}


def test_young_blobs_stay(desk: Desk, state: State) -> None:
    state.blobs.put(b"just made")
    assert shares(collected(desk)) == {YOUNG: (1, False)}


def test_what_a_running_run_made_stays(desk: Desk, state: State) -> None:
    began = clock.now() - timedelta(minutes=1)
    state.blobs.put(b"made by a step")
    with later():
        found = collected(desk, busy_since=began)
        assert shares(found) == {YOUNG: (1, False)}
        assert found.stored_before == began
        assert shares(collected(desk)) == {UNUSED: (1, True)}


def test_a_collector_waits_for_those_who_keep(desk: Desk, state: State) -> None:
    lost = state.blobs.put(b"lost")
    with (
        locking.keeping(desk.root),
        locking.keeping(desk.root),  # keepers do not wait for each other
        pytest.raises(ConflictError) as caught,
        locking.collecting(desk.root, wait=0.05),
    ):
        raise AssertionError
    assert caught.value.code == "data-busy"
    assert state.blobs.has(lost)
    with locking.collecting(desk.root, wait=0.0):
        pass


def test_a_lock_that_cannot_be_opened_is_named(desk: Desk) -> None:
    (desk.root / ".trueup/keeping.lock").mkdir(parents=True)
    with pytest.raises(BackendError) as caught, locking.keeping(desk.root):
        raise AssertionError
    assert (caught.value.code, "keeping.lock" in caught.value.hint) == ("folder-not-writable", True)


def test_those_who_may_not_write_throw_nothing_away(desk: Desk, viewer: Actor) -> None:
    with pytest.raises(DeniedError):
        desk.datasets.collect(viewer, desk.root, older_than=HOUR)


def test_a_digest_in_any_column_of_any_table_counts(state: State) -> None:
    """A table or a column that somebody adds later is searched without being listed anywhere."""
    with state.database.writing() as connection:
        placed: dict[str, str] = {}
        tables = live.tables(connection)
        for table in tables:
            searched = {column.name for column in live.text_columns(table)}
            names = [f"{table.name}.{name}" for name in sorted(searched)]
            digest_of = {name: digests.of_bytes(name.encode()) for name in names}
            placed |= {digest: name for name, digest in digest_of.items()}
            texts = {n.partition(".")[2]: f'{{"in": ["{d}"]}}' for n, d in digest_of.items()}
            if texts:
                insert(connection, table, texts)
        found = {digest for _, digest in live.roots(connection)}
        connection.rollback()
    assert len(placed) > 100
    assert not [name for digest, name in placed.items() if digest not in found]
    stages = {table.name for table in tables} - {name for name, _ in live.NO_REFERENCES}
    assert stages <= {name.partition(".")[0] for name in placed.values()}


def insert(connection: sa.Connection, table: sa.TableClause, texts: dict[str, str]) -> None:
    """A row with some texts; its other columns hold whatever their types allow."""
    values: dict[str, Any] = {}
    for each in table.columns:
        if each.name in texts:
            values[each.name] = texts[each.name]
        elif isinstance(each.type, sa.LargeBinary):
            values[each.name] = bytes(32)
        elif isinstance(each.type, sa.String):
            values[each.name] = "x"
        elif isinstance(each.type, sa.Boolean):
            values[each.name] = True
        else:
            values[each.name] = 99_999  # no number that a row has already
    connection.execute(table.insert().values(**values))


def test_columns_that_are_not_searched_are_listed_with_a_reason(state: State) -> None:
    with state.database.reading() as connection:
        tables = live.tables(connection)
    columns = {(t.name, c.name): c for t in tables for c in t.columns}
    for name, column in live.NO_REFERENCES:
        assert (name, column) in columns or (column == "*" and name in {t.name for t in tables})
    binary = {
        key
        for key, column in columns.items()
        if isinstance(column.type, sa.LargeBinary) and (key[0], "*") not in live.NO_REFERENCES
    }
    assert binary == set(live.NO_TEXT), "say in live.py what a binary column holds"


def test_the_files_of_a_folder_between_steps_stay(desk: Desk, state: State) -> None:
    """A row holds the address of the list alone; the list says which files there are."""
    raws = [b"one", b"two"]
    with state.blobs.batch() as batch:
        files = [Entry(f"{i}", batch.put(raw), len(raw)) for i, raw in enumerate(raws)]
        root = manifest.build(files, batch)
    with state.database.writing() as connection:
        (table,) = [each for each in live.tables(connection) if each.name == "step_cache"]
        insert(connection, table, {"outputs": f'{{"kind":"folder","digest":"{root}"}}'})
        marked = live.marked(connection, state.blobs)
    assert {digests.of_key(key) for key in marked} >= {root, *(file.digest for file in files)}
    assert marked[digests.key(files[0].digest)] == live.REASONS["step_cache"]


def test_a_missing_list_of_files_stops_the_collector(desk: Desk, state: State) -> None:
    kept = desk.keep({"a": b"1"})
    state.blobs.put(b"lost")
    (shard,) = manifest.shards(state.blobs, kept.digest)
    state.blobs.delete([shard.digest])
    with later(), pytest.raises(LookupError):
        collected(desk)
    assert state.blobs.has(digests.of_bytes(b"lost"))


ADDER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from tests.conftest import open_state
from trueup.foundation.actor import Actor
from trueup.lifecycle.data.service import Datasets
state = open_state(Path(sys.argv[1]))
root, actor = Path(sys.argv[2]), Actor(name="sam")
for number in range(10_000):
    for part in range(20):
        # Half of it is what was thrown away a moment ago.
        (root / "data/images" / str(part)).write_bytes(b"%d" % (number % 2 * 1000 + part))
    print(Datasets(state).add(actor, "data/images", root).ref, flush=True)
"""


@pytest.mark.slow
def test_nothing_is_lost_while_others_keep_and_are_killed(desk: Desk, home: Path) -> None:
    here = Path(__file__).parents[4]
    program = ADDER.format(paths=[str(here / "src"), str(here)])
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(home), str(desk.root)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(2):
            child.stdout.readline()
            with later():  # everything that is stored is old at once
                try:
                    collected(desk)
                except ConflictError as error:
                    assert error.code == "data-busy"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with later():
            collected(desk)
    assert desk.datasets.verify(desk.actor).broken == ()
    assert len(desk.datasets.log(desk.actor, "images")) >= 2


def test_verify_names_what_is_missing_and_what_is_damaged(desk: Desk, state: State) -> None:
    kept = desk.keep({"a": b"1", "big": b"x" * 100_000, "sub/c": b"3"})
    second = desk.keep({"new": b"4"})
    verified = desk.datasets.verify(desk.actor)
    assert (verified.versions, verified.broken) == (2, ())
    by_path = {entry.path: entry for entry in desk.files(second)}
    state.blobs.delete([by_path["sub/c"].digest])
    damage(state, by_path["big"].digest)
    broken = desk.datasets.verify(desk.actor, "images").broken
    assert [(b.dataset, b.versions, b.path, b.digest, b.problem) for b in broken] == [
        ("images", (1, 2), "big", by_path["big"].digest, "damaged"),
        ("images", (1, 2), "sub/c", by_path["sub/c"].digest, "missing"),
    ]
    assert kept.version == 1


def test_verify_names_versions_whose_list_of_files_is_gone(desk: Desk, state: State) -> None:
    first = desk.keep({"a": b"1"})
    second = desk.keep({"a": b"2"})
    (shard,) = manifest.shards(state.blobs, second.digest)
    state.blobs.delete([first.digest, shard.digest])
    broken = desk.datasets.verify(desk.actor).broken
    assert {(b.versions, b.path, b.digest) for b in broken} == {
        ((1,), "", first.digest),
        ((2,), "", shard.digest),
    }


def damage(state: State, digest: str) -> None:
    path = state.blobs.local_path(digest)
    path.chmod(0o600)
    path.write_bytes(b"y" + path.read_bytes()[1:])


def test_a_damaged_file_is_never_checked_out(desk: Desk, state: State) -> None:
    kept = desk.keep({"big": b"x" * 100_000})
    damage(state, desk.files(kept)[0].digest)
    (desk.place / "big").unlink()
    write(desk.place, {"other": b"1"})
    with pytest.raises(Exception, match="no longer match"):
        desk.datasets.checkout(desk.actor, "images", desk.root)
    assert laid(desk.place) == {"other": b"1"}


def test_what_was_lost_is_put_back_from_the_work_tree(desk: Desk, state: State) -> None:
    kept = desk.keep({"a": b"1", "big": b"x" * 100_000, "sub/c": b"3"})
    by_path = {entry.path: entry.digest for entry in desk.files(kept)}
    (shard,) = manifest.shards(state.blobs, kept.digest)
    damage(state, by_path["big"])
    state.blobs.delete([by_path["a"], shard.digest])
    assert desk.datasets.verify(desk.actor).broken
    assert desk.keep(read_all=True) == kept
    assert desk.datasets.verify(desk.actor).broken == ()


def test_versions_of_which_only_the_name_is_here_stop_nobody(desk: Desk, state: State) -> None:
    """A pull learns all versions and fetches some; of the others lists of files may be here."""
    desk.keep({"a": b"1"})
    second = desk.keep({"a": b"2", "b": b"2"})
    third = desk.keep({"c": b"3"})
    with state.database.writing() as connection:
        table.note_record(connection, "images", 2, "b3:" + "0" * 64, is_held=False)
    (shard,) = manifest.shards(state.blobs, second.digest)
    state.blobs.delete([shard.digest])
    assert desk.datasets.verify(desk.actor).versions == 2
    write(desk.place, {"a": b"changed"})
    with pytest.raises(NotFoundError) as caught:
        desk.datasets.checkout(desk.actor, "images", desk.root, "2", force=True)
    assert caught.value.code == "version-elsewhere"
    desk.datasets.checkout(desk.actor, "images", desk.root, "1", force=True)
    with later():
        collected(desk)
    assert not state.blobs.missing(set(manifest.blobs_of(state.blobs, third.digest)))
