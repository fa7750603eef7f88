"""Work files to versions and back: what is kept comes back byte for byte, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, TrueupError, UsageError
from trueup.lifecycle.data.records import EXECUTABLE, PLAIN, Entry
from trueup.lifecycle.data.taking import How
from trueup.lifecycle.data.worktree import keeping, positions, reading, tree
from trueup.lifecycle.data.worktree.statcache import Known, StatCache
from trueup.state import eventlog
from trueup.state.unit import State

from .conftest import Desk, laid, write

NUMBERS = count(1)


def refusal(verb: Callable[[], object]) -> TrueupError:
    with pytest.raises(TrueupError) as caught:
        verb()
    return caught.value


def status(desk: Desk) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    found = desk.datasets.status(desk.actor, "images", desk.root)
    return found.added, found.changed, found.removed


def back_to(desk: Desk, selector: str = "", **how: object) -> object:
    return desk.datasets.checkout(desk.actor, "images", desk.root, selector, **how)  # type: ignore[arg-type]


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda name: name not in (".", "..", ".git", ".trueup"))
FILES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    st.tuples(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"x" * 70_000])), st.booleans()
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@given(FILES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_comes_back_as_it_was(desk: Desk, files: dict[str, tuple[bytes, bool]]) -> None:
    number = next(NUMBERS)
    place = desk.root / f"data/any-{number}"
    folders = {str(parent) for path in files for parent in Path(path).parents}
    tree = {
        path + ("*" if runs else ""): raw
        for path, (raw, runs) in files.items()
        if path not in folders and not path.endswith("*")
    }
    if not tree:
        return
    write(place, tree)
    name = f"any-{number}"
    kept = desk.datasets.add(desk.actor, f"data/{name}", desk.root, how=How(clashes=True))
    assert kept.files == len(tree)
    shutil.rmtree(place)
    desk.datasets.checkout(desk.actor, name, desk.root)
    assert laid(place) == tree
    assert desk.datasets.status(desk.actor, name, desk.root).is_clean
    assert desk.datasets.add(desk.actor, f"data/{name}", desk.root, how=How(clashes=True)) == kept


def test_a_version_says_what_it_holds_and_why(desk: Desk, state: State) -> None:
    kept = desk.keep({"a.jpg": b"123", "sub/b.jpg": b"4567"}, message="the first ones")
    assert (kept.ref, kept.path, kept.branch, kept.parents) == (
        "data:images@1",
        "data/images",
        "main",
        (),
    )
    assert (kept.files, kept.size, kept.rows, kept.columns) == (2, 7, None, {})
    assert (kept.message, kept.taken_by, kept.is_file) == ("the first ones", "sam", False)
    with state.read(desk.actor) as connection:
        (event,) = eventlog.about(connection, "data:images@1")
    assert (event.type, event.why) == ("data.snapshot-taken", "the first ones")
    assert event.data == {
        "rows": None,
        "rows_before": 0,
        "added": ["a.jpg", "sub/b.jpg"],
        "removed": [],
        "changed": [],
    }


def test_unchanged_content_is_the_version_there_is(desk: Desk) -> None:
    first = desk.keep({"a": b"1"})
    os.utime(desk.place / "a", (1, 1))
    assert desk.keep(message="again") == first
    assert [v.version for v in desk.datasets.log(desk.actor, "images")] == [1]


def test_a_file_is_read_again_only_if_it_may_have_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep({f"{number:03}": str(number).encode() for number in range(300)})
    _settle(desk)
    desk.keep()
    read: list[str] = []
    small = reading.Reader._small

    def spied(reader: reading.Reader, found: tree.Found) -> bytes | None:
        read.append(found.path)
        return small(reader, found)

    monkeypatch.setattr(reading.Reader, "_small", spied)
    assert status(desk) == ((), (), ())
    write(desk.place, {"007": b"changed", "new": b"new"})
    (desk.place / "008").unlink()
    assert read == []
    assert status(desk) == (("new",), ("007",), ("008",))
    second = desk.keep()
    assert sorted(set(read)) == ["007", "new"]
    assert (second.version, second.files) == (2, 300)


def _settle(desk: Desk) -> None:
    """Wait until the files are older than the grain of the file system's clock."""
    desk.datasets.status(desk.actor, "images", desk.root)
    threading.Event().wait(0.03)


def test_what_was_just_kept_is_known_to_be_so_without_looking_at_each_file(desk: Desk) -> None:
    write(desk.place, {"a": b"one", "b/c": b"two"})
    with clock.held_at(clock.now() + timedelta(hours=1)):  # they were not written this moment
        kept = desk.keep()
    cache = StatCache(desk.root / ".trueup/cache", "data/images")
    assert cache.is_still(kept.digest, tree.runs(desk.place, "images", links="keep")) == 2
    write(desk.place, {"b/c": b"TWO"})
    assert cache.is_still(kept.digest, tree.runs(desk.place, "images", links="keep")) is None


def test_a_change_of_the_same_length_and_times_is_seen(desk: Desk) -> None:
    desk.keep({"a": b"one"})
    _settle(desk)
    desk.keep()
    before = (desk.place / "a").stat()
    (desk.place / "a").write_bytes(b"two")
    os.utime(desk.place / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert status(desk) == ((), ("a",), ())


def test_a_mode_is_content(desk: Desk) -> None:
    desk.keep({"run": b"#!"})
    (desk.place / "run").chmod(0o755)
    assert status(desk) == ((), ("run",), ())
    assert desk.keep().version == 2
    back_to(desk, "1")
    assert laid(desk.place) == {"run": b"#!"}
    back_to(desk, "2")
    assert laid(desk.place) == {"run*": b"#!"}


def test_links_are_kept_as_links(desk: Desk) -> None:
    write(desk.place, {"sub/a": b"1"})
    (desk.place / "sub/link").symlink_to("a")
    (desk.place / "folder").symlink_to("sub")
    assert refusal(desk.keep).code == "dataset-link"
    desk.keep(links="keep")
    before = laid(desk.place)
    shutil.rmtree(desk.place)
    back_to(desk)
    assert laid(desk.place) == before
    assert before["sub/link"] == b"-> a"
    assert status(desk) == ((), (), ())
    (desk.place / "sub/link").unlink()
    (desk.place / "sub/link").symlink_to("b")
    assert status(desk) == ((), ("sub/link",), ())


def test_a_link_that_leads_out_is_refused(desk: Desk) -> None:
    write(desk.place, {"a": b"1"})
    (desk.place / "link").symlink_to("/etc/passwd")
    error = refusal(lambda: desk.keep(links="keep"))
    assert (error.code, "link" in error.message) == ("dataset-link-leads-out", True)
    assert desk.datasets.newest(desk.actor) == []


def test_an_empty_file_is_content_and_an_empty_folder_is_not(desk: Desk) -> None:
    (desk.place / "void/inner").mkdir(parents=True)
    error = refusal(desk.keep)
    assert (error.code, type(error)) == ("dataset-empty", NotFoundError)
    kept = desk.keep({"nothing": b""})
    assert [(e.path, e.size) for e in desk.files(kept)] == [("nothing", 0)]
    shutil.rmtree(desk.place)
    back_to(desk)
    assert laid(desk.place) == {"nothing": b""}


def test_files_of_tables_have_rows_where_they_agree(desk: Desk) -> None:
    first = desk.keep({"a.csv": b"x,y\n1,2\n", "b.csv": b"x,y\n", "README.md": b"words"})
    assert (first.rows, first.columns) == (1, {"x": "Int64", "y": "Int64"})
    (desk.place / "b.csv").unlink()
    second = desk.keep({"c.csv": b"x,y\n3,4\n5,6\n"})
    assert second.rows == 3
    third = desk.keep({"d.csv": b"other\n1\n"})
    assert (third.rows, third.columns) == (None, {})
    (desk.place / "d.csv").unlink()
    assert desk.keep().rows == 3


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_csv_file_without_rows_has_columns_but_no_types(
    desk: Desk, order: tuple[str, str]
) -> None:
    empty, full = order
    kept = desk.keep({f"{empty}.csv": b"x,y\n", f"{full}.csv": b"x,y\n1,2.5\n"})
    assert (kept.rows, kept.columns) == (1, {"x": "Int64", "y": "Float64"})
    assert desk.datasets.load(desk.actor, kept).rows() == [(1, 2.5)]
    (desk.place / f"{full}.csv").unlink()
    kept = desk.keep()
    assert (kept.rows, list(kept.columns)) == (0, ["x", "y"])
    assert desk.datasets.load(desk.actor, kept).rows() == []


@pytest.mark.parametrize("raw", [b"", b"\x00\x01broken", b"a,b\n1\n2,3,4\n"])
def test_a_table_that_cannot_be_read_is_kept_as_a_file(desk: Desk, raw: bytes) -> None:
    kept = desk.keep({"odd.parquet": raw})
    assert (kept.files, kept.rows, kept.columns) == (1, None, {})


def test_a_version_without_a_table_cannot_be_read_as_one(desk: Desk) -> None:
    kept = desk.keep({"a.jpg": b"1"})
    error = refusal(lambda: desk.datasets.load(desk.actor, kept))
    assert (error.code, type(error)) == ("dataset-no-table", UsageError)


def test_names_come_from_paths_and_meet_the_dataset_that_lies_there(desk: Desk) -> None:
    write(desk.root, {"data/my photos/a": b"1", "data/rows.v1.csv": b"a\n1\n"})
    add = desk.datasets.add
    assert add(desk.actor, "data/my photos", desk.root).name == "my-photos"
    rows = add(desk.actor, "data/rows.v1.csv", desk.root, "rows")
    assert (rows.name, rows.is_file, rows.path) == ("rows", True, "data/rows.v1.csv")
    write(desk.root, {"data/rows.v1.csv": b"a\n2\n"})
    assert add(desk.actor, "data/./rows.v1.csv", desk.root).ref == "data:rows@2"


@pytest.mark.parametrize(
    ("path", "name", "code"),
    [
        ("data/images/sub", "", "dataset-inside"),
        ("data/other", "images", "dataset-elsewhere"),
        ("data/other", "a b", "name-malformed"),
        ("data/none", "", "dataset-empty"),
    ],
)
def test_a_path_or_a_name_that_cannot_be_used_is_refused(
    desk: Desk, path: str, name: str, code: str
) -> None:
    write(desk.root, {"data/other/a": b"1"})
    desk.keep({"sub/a": b"1"})
    add = desk.datasets.add
    assert refusal(lambda: add(desk.actor, path, desk.root, name)).code == code


def test_a_moved_dataset_keeps_its_name(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    desk.place.rename(desk.root / "pictures")
    moved = desk.datasets.add(desk.actor, "pictures", desk.root, "images")
    assert (moved.version, moved.path) == (1, "data/images")  # the same content
    write(desk.root / "pictures", {"b": b"2"})
    assert desk.datasets.add(desk.actor, "pictures", desk.root, "images").path == "pictures"


def test_a_dry_run_keeps_nothing(desk: Desk, home: Path) -> None:
    write(desk.place, {"a": b"1", "big": b"x" * 100_000})
    imagined = desk.keep(dry_run=True)
    assert (imagined.version, imagined.files, imagined.size) == (1, 2, 100_001)
    assert desk.datasets.newest(desk.actor) == []
    assert not [path for path in (home / "blobs").rglob("*") if path.stat().st_size > 99_999]
    assert desk.keep().digest == imagined.digest


def test_a_checkout_gives_every_version_back(desk: Desk) -> None:
    trees = [
        {"a": b"1", "sub/b": b"2", "c": b"3"},
        {"a": b"1", "sub/b": b"two", "d/e/f": b"x" * 70_000},
        {"sub": b"a file now", "c/deep": b"a folder now"},
    ]
    for each in trees:
        shutil.rmtree(desk.place, ignore_errors=True)
        desk.keep(each)
    for number in (1, 3, 2, 1, 2, 3):
        back_to(desk, str(number))
        assert laid(desk.place) == trees[number - 1]
        assert status(desk) == ((), (), ())
        assert sorted(p for p in desk.place.rglob("*") if p.is_dir()) == sorted(
            {p.parent for p in desk.place.rglob("*")} - {desk.place}
        )


def test_changed_files_are_never_overwritten_unasked(desk: Desk) -> None:
    desk.keep({"a": b"1", "b": b"1", "c": b"1"})
    desk.keep({"a": b"2", "b": b"2"})
    write(desk.place, {"a": b"mine", "new": b"untouched"})
    (desk.place / "b").unlink()
    error = refusal(lambda: back_to(desk, "1"))
    assert (error.code, error.context["files"], "trueup data add" in error.hint) == (
        "dataset-unkept",
        ["a"],
        True,
    )
    assert laid(desk.place) == {"a": b"mine", "c": b"1", "new": b"untouched"}
    back_to(desk, "1", force=True)
    assert laid(desk.place) == {"a": b"1", "b": b"1", "c": b"1", "new": b"untouched"}


def test_a_file_that_the_version_lacks_goes_only_if_it_is_kept(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    desk.keep({"b": b"2"})
    back_to(desk, "1")
    assert laid(desk.place) == {"a": b"1"}
    back_to(desk, "2")
    write(desk.place, {"b": b"changed"})
    assert refusal(lambda: back_to(desk, "1")).context["files"] == ["b"]


def test_content_that_another_version_keeps_may_be_overwritten(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    desk.keep({"a": b"2"})
    desk.keep({"a": b"3"})
    write(desk.place, {"a": b"1"})
    back_to(desk, "2")
    assert laid(desk.place) == {"a": b"2"}


def test_an_unkept_file_in_the_way_of_a_folder_is_named(desk: Desk) -> None:
    desk.keep({"x/a": b"1"})
    shutil.rmtree(desk.place / "x")
    desk.keep({"b": b"1"})
    write(desk.place, {"x": b"mine"})
    assert refusal(lambda: back_to(desk, "1")).code == "dataset-unkept"
    assert laid(desk.place)["x"] == b"mine"


def test_a_dry_run_of_a_checkout_changes_nothing(desk: Desk) -> None:
    desk.keep({"a": b"1", "b": b"1"})
    (desk.place / "b").unlink()
    desk.keep({"a": b"2"})
    moves = desk.datasets.checkout(desk.actor, "images", desk.root, "1", dry_run=True)
    assert (moves.written, moves.removed, moves.same, moves.size) == (("a", "b"), (), 0, 2)
    assert laid(desk.place) == {"a": b"2"}
    assert positions.position(desk.root, "images").version == 2


@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_linked_files_are_read_only_and_count_as_the_files_themselves(
    desk: Desk, link: str
) -> None:
    kept = desk.keep({"big": b"x" * 100_000, "small": b"1", "run*": b"#!"})
    shutil.rmtree(desk.place)
    back_to(desk, link=link)
    assert (desk.place / "big").read_bytes() == b"x" * 100_000
    assert not (desk.place / "big").stat().st_mode & 0o222
    assert os.access(desk.place / "run", os.X_OK)
    assert status(desk) == ((), (), ())
    assert desk.keep() == kept
    back_to(desk)
    assert status(desk) == ((), (), ())


def test_a_link_in_the_place_of_a_folder_is_never_written_through(
    desk: Desk, tmp_path: Path
) -> None:
    desk.keep({"sub/a": b"1"})
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(desk.place / "sub")
    (desk.place / "sub").symlink_to(outside)
    with pytest.raises(TrueupError):
        back_to(desk)
    assert list(outside.iterdir()) == []
    with pytest.raises(TrueupError):
        back_to(desk, force=True)
    assert list(outside.iterdir()) == []


def test_a_file_where_a_folder_was_is_not_replaced(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    shutil.rmtree(desk.place)
    desk.place.write_bytes(b"a file")
    assert refusal(lambda: back_to(desk)).code == "dataset-kind"
    assert desk.place.read_bytes() == b"a file"


def test_two_who_keep_at_once_neither_wait_nor_lose(desk: Desk) -> None:
    desk.keep({"a": b"0"})
    write(desk.root / "data/other", {"a": b"1"})
    places = [("data/images", "images"), ("data/other", "other")] * 4

    def keep(number: int) -> tuple[str, int]:
        path, name = places[number]
        write(desk.root / path, {f"n{number}": str(number).encode()})
        taken = desk.datasets.add(desk.actor, path, desk.root, name)
        return taken.name, taken.version

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(keep, range(8)))
    for name in ("images", "other"):
        versions = desk.datasets.log(desk.actor, name)
        assert sorted(v.version for v in versions) == list(range(1, len(versions) + 1))
        assert {number for each, number in done if each == name} <= {v.version for v in versions}
    last = desk.keep()  # nobody was pushed behind: the next one may follow
    assert {"n0", "n2", "n4", "n6"} <= {e.path for e in desk.files(last)}


class Growing(keeping.Hasher):
    """Somebody who writes to a file whenever it is read."""

    def put_file(self, path: Path) -> str:
        with path.open("ab") as file:
            file.write(b"more")
        return super().put_file(path)


def read(desk: Desk, into: reading.Takes, between: Callable[[], object] = list) -> list[Entry]:
    """Walk over the dataset, do something, then read the files."""
    source = reading.Source(desk.place, "data/images", desk.root / ".trueup", Path)
    cache = StatCache(desk.root / ".trueup/cache", "data/images")
    walked = [Known(found, "") for found in tree.walk(desk.place, "data/images")]
    between()
    return list(keeping.read_all(source, walked, (), into, cache))


def test_a_file_that_goes_on_changing_is_refused(desk: Desk) -> None:
    write(desk.place, {"log": b"line" * 20_000})
    error = refusal(lambda: read(desk, Growing()))
    assert (error.code, "data/images/log" in error.message) == ("dataset-changing", True)


def test_a_file_that_changed_since_the_walk_is_kept_as_it_is_when_it_is_read(desk: Desk) -> None:
    write(desk.place, {"a": b"1", "b": b"2" * 100_000})

    def change() -> None:
        write(desk.place, {"a*": b"now large" * 10_000, "b": b"now small"})

    found = read(desk, keeping.Hasher(), change)
    assert [(e.size, e.mode) for e in found] == [(90_000, EXECUTABLE), (9, PLAIN)]


def test_files_on_a_disk_that_makes_us_wait_are_read_by_threads(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(desk.place, {f"{number:04}": str(number).encode() for number in range(1500)})
    here = read(desk, keeping.Hasher())
    readers: list[str] = []
    small = reading.Reader._small

    def spied(reader: reading.Reader, found: tree.Found) -> bytes | None:
        readers.append(threading.current_thread().name)
        return small(reader, found)

    monkeypatch.setattr(reading.Reader, "_small", spied)
    monkeypatch.setattr(keeping, "waits", count(0, 1000).__next__)
    assert read(desk, keeping.Hasher()) == here
    ours = threading.current_thread().name
    assert readers.count(ours) == 256  # the first group told what the disk is like
    assert [e.path for e in here] == [f"{number:04}" for number in range(1500)]


@pytest.mark.parametrize("instead", ["nothing", "link", "pipe", "folder"])
def test_a_file_that_is_something_else_by_now_is_never_followed(
    desk: Desk, tmp_path: Path, instead: str
) -> None:
    write(desk.place, {"a": b"1"})
    (tmp_path / "secret").write_bytes(b"secret")

    def change() -> None:
        (desk.place / "a").unlink()
        if instead == "link":
            (desk.place / "a").symlink_to(tmp_path / "secret")
        elif instead == "pipe":
            os.mkfifo(desk.place / "a")
        elif instead == "folder":
            (desk.place / "a").mkdir()

    error = refusal(lambda: read(desk, keeping.Hasher(), change))
    expected = "dataset-changing" if instead in ("nothing", "link") else "dataset-special-file"
    assert (error.code, "data/images/a" in error.message) == (expected, True)


def test_a_file_that_may_not_be_read_is_named(rights_of_a_user: None, desk: Desk) -> None:
    write(desk.place, {"a": b"1"})
    (desk.place / "a").chmod(0)
    assert refusal(desk.keep).code == "dataset-file-unreadable"


CHILD = """
import os, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from tests.conftest import open_state
from trueup.foundation.actor import Actor
from trueup.lifecycle.data.worktree import checkout
from trueup.lifecycle.data.service import Datasets
checkout._AT_ONCE = 3
written = checkout._Writer.write
left = [int(sys.argv[3])]
def dying(self, part):
    if not left[0]:
        os.kill(os.getpid(), 9)
    left[0] -= 1
    written(self, part)
checkout._Writer.write = dying
state = open_state(Path(sys.argv[1]))
Datasets(state).checkout(Actor(name="sam"), "images", Path(sys.argv[2]), "1")
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 2])
def test_a_checkout_that_was_killed_is_finished_by_running_it_again(
    desk: Desk, home: Path, after: int
) -> None:
    first = {f"{n}": f"one {n}".encode() for n in range(10)}
    desk.keep(first)
    shutil.rmtree(desk.place)
    desk.keep({f"{n}": f"two {n}".encode() for n in range(5, 15)})
    paths = [str(Path(__file__).parents[3] / "src"), str(Path(__file__).parents[3])]
    child = subprocess.run(
        [sys.executable, "-c", CHILD.format(paths=paths), str(home), str(desk.root), str(after)],
        check=False,
        capture_output=True,
    )
    assert child.returncode == -9, child.stderr.decode()
    assert laid(desk.place) != first
    assert desk.datasets.status(desk.actor, "images", desk.root).unfinished
    assert refusal(desk.keep).code == "checkout-unfinished"
    back_to(desk, "1")
    assert laid(desk.place) == first
    assert desk.datasets.status(desk.actor, "images", desk.root).is_clean


def test_those_who_may_not_write_keep_nothing(desk: Desk, viewer: Actor, home: Path) -> None:
    write(desk.place, {"a": b"x" * 100_000})
    error = refusal(lambda: desk.datasets.add(viewer, "data/images", desk.root))
    assert error.code == "permission-denied"
    assert not [path for path in (home / "blobs").rglob("*") if path.stat().st_size > 99_999]
