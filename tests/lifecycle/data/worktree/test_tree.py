"""What belongs to a dataset: files in the order of whole paths; everything else is named."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import BackendError, TrueupError, UsageError
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN
from trueup.lifecycle.data.worktree import tree

from ..conftest import Desk, laid, write

NAMES = st.sampled_from(["a", "a.b", "a-b", "a b", "b", "0", "z", "é", "日"])


def refusal(verb: Callable[[], object]) -> TrueupError:
    with pytest.raises(TrueupError) as caught:
        verb()
    return caught.value


@given(st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=25))
def test_files_come_in_the_order_of_their_whole_paths(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str]
) -> None:
    place = tmp_path_factory.mktemp("any")
    folders = {
        "/".join(path.split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)
    }
    files = sorted(paths - folders)
    write(place, dict.fromkeys(files, b""))
    assert [found.path for found in tree.walk(place, "data")] == files


def test_folders_may_be_read_ahead_without_a_change_of_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_SLOW_SECONDS", 0.0)
    paths = sorted(f"{a:02}/{b:02}/{c}" for a in range(12) for b in range(3) for c in "xy")
    write(tmp_path, dict.fromkeys(paths, b""))
    assert [found.path for found in tree.walk(tmp_path, "data")] == paths


def test_a_file_is_described_by_what_stat_says(tmp_path: Path) -> None:
    write(tmp_path, {"plain": b"1234", "run*": b"#!"})
    plain, run = tree.walk(tmp_path, "data")
    status = (tmp_path / "plain").stat()
    assert plain == (
        "plain",
        PLAIN,
        status.st_dev,
        status.st_ino,
        4,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
    assert (run.path, run.mode) == ("run", EXECUTABLE)


def test_a_single_file_is_a_dataset_of_that_name(tmp_path: Path) -> None:
    write(tmp_path, {"rows.csv": b"a\n"})
    assert [f.path for f in tree.walk(tmp_path / "rows.csv", "data/rows.csv")] == ["rows.csv"]


def test_the_state_of_git_and_of_trueup_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": b"", "sub/.trueup/trueup.db": b"", "sub/.gitignore": b""})
    write(tmp_path, {"module/.git": b"gitdir: elsewhere"})
    assert [f.path for f in tree.walk(tmp_path, "data")] == ["sub/.gitignore"]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")  # a socket's path must be short
    if kind == "pipe":
        os.mkfifo("odd")
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("odd")
    error = refusal(lambda: list(tree.walk(tmp_path, "data")))
    assert (error.code, f"data/sub/odd is a {kind}" in error.message.replace("named ", "")) == (
        "dataset-special-file",
        True,
    )


def test_a_device_is_refused_by_name() -> None:
    error = refusal(lambda: list(tree.walk(Path("/dev/null"), "data/null")))
    assert (error.code, "data/null is a device" in error.message) == ("dataset-special-file", True)


def test_links_are_refused_or_told_of(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "folder").symlink_to("/etc")
    error = refusal(lambda: list(tree.walk(tmp_path, "data")))
    assert (error.code, "data/" in error.message) == ("dataset-link", True)
    kept = [(f.path, f.mode) for f in tree.walk(tmp_path, "data", links="keep")]
    assert kept == [("folder", LINK), ("link", LINK)]


def test_a_name_that_is_no_text_is_refused_with_its_bytes(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).touch()
    error = refusal(lambda: list(tree.walk(tmp_path, "data")))
    assert (error.code, r"caf\xe9" in error.message) == ("dataset-name-not-text", True)
    error.message.encode()
    error.hint.encode()


@pytest.mark.parametrize(
    ("one", "two"), [("Read.me", "read.me"), ("STRASSE", "straße"), ("caf\u00e9", "cafe\u0301")]
)
def test_names_that_other_systems_cannot_tell_apart_are_refused_unless_allowed(
    tmp_path: Path, one: str, two: str
) -> None:
    write(tmp_path, {f"sub/{one}": b"1", f"sub/{two}": b"2"})
    error = refusal(lambda: list(tree.walk(tmp_path, "data", clashes=False)))
    assert error.code == "dataset-case-clash"
    assert all(part in error.message for part in ("data/sub", one, two))
    assert len(list(tree.walk(tmp_path, "data"))) == 2


def test_folders_clash_as_files_do(tmp_path: Path) -> None:
    write(tmp_path, {"A/one": b"", "a/two": b""})
    assert refusal(lambda: list(tree.walk(tmp_path, "d", clashes=False))).code == (
        "dataset-case-clash"
    )


def test_a_folder_that_may_not_be_read_is_named(rights_of_a_user: None, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    assert refusal(lambda: list(tree.walk(tmp_path, "data"))).code == "dataset-file-unreadable"


def test_a_folder_that_vanishes_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"", "b/c": b"", "c/d": b""})
    walk = tree.walk(tmp_path, "data")
    next(walk)
    (tmp_path / "b/c").unlink()
    (tmp_path / "b").rmdir()
    error = refusal(lambda: list(walk))
    assert (error.code, "data/b" in error.message) == ("dataset-changing", True)


@pytest.mark.parametrize(
    ("number", "code", "kind"),
    [
        (13, "dataset-file-unreadable", UsageError),
        (5, "dataset-file-unreadable", BackendError),
        (36, "dataset-path-too-long", UsageError),
    ],
)
def test_what_the_system_says_becomes_a_cure(
    number: int, code: str, kind: type[TrueupError]
) -> None:
    error = rules.unreadable(OSError(number, os.strerror(number)), "data/x")
    assert (error.code, type(error), bool(error.hint)) == (code, kind, True)


def test_names_of_255_bytes_and_paths_as_long_as_the_system_opens_are_kept(desk: Desk) -> None:
    # The place, a slash and the path: 4,095 bytes is the most that can be opened. The last part
    # leaves room for the longer name under which a file is written before it gets its own.
    room = 4095 - len(os.fsencode(desk.place)) - 1
    parts = ["x" * 190] * ((room - 60) // 191)
    parts += ["y" * (room - 191 * len(parts))]
    tree_ = {"n" * 255: b"long", "/".join(parts): b"deep"}
    write(desk.place, tree_)
    kept = desk.keep()
    assert [len(entry.path) for entry in desk.files(kept)] == [255, room]
    shutil.rmtree(desk.place)
    desk.datasets.checkout(desk.actor, "images", desk.root)
    assert laid(desk.place) == tree_


def test_a_path_that_the_system_cannot_open_is_refused(desk: Desk) -> None:
    # Only reachable step by step: no single call could name it.
    handle = os.open(desk.place, os.O_RDONLY)
    for _ in range(17):
        os.mkdir("x" * 250, dir_fd=handle)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    assert refusal(desk.keep).code == "dataset-path-too-long"


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "",
        "./a",
        "a/.",
        ".git/hooks/x",
        "a/.trueup/b",
        "a\0",
    ],
)
def test_a_path_from_a_foreign_manifest_must_stay_below(path: str) -> None:
    assert refusal(lambda: rules.check_path(path)).code == "manifest-unsafe"


@pytest.mark.parametrize("path", ["../out", "/etc", "data/../../out"])
def test_a_place_outside_the_project_is_refused(desk: Desk, path: str) -> None:
    verb = lambda: desk.datasets.add(desk.actor, path, desk.root)  # noqa: E731
    assert refusal(verb).code == "dataset-outside"


@pytest.mark.parametrize("path", [".trueup", ".trueup/blobs", "data/.git/x"])
def test_a_place_inside_the_state_is_refused(desk: Desk, path: str) -> None:
    verb = lambda: desk.datasets.add(desk.actor, path, desk.root)  # noqa: E731
    assert refusal(verb).code == "dataset-reserved"


@pytest.mark.parametrize("path", [".", "./", "data/.."])
def test_the_whole_project_is_refused_unless_it_is_named(desk: Desk, path: str) -> None:
    write(desk.root, {"notes.txt": b"hello", "data/a": b"a"})
    verb = lambda: desk.datasets.add(desk.actor, path, desk.root)  # noqa: E731
    assert refusal(verb).code == "dataset-project"
    kept = desk.datasets.add(desk.actor, path, desk.root, "all")
    assert (kept.name, kept.path) == ("all", ".")
    assert [entry.path for entry in desk.files(kept)] == ["data/a", "notes.txt"]
    assert (desk.root / ".trueup").is_dir()
    write(desk.root, {"notes.txt": b"hello again"})
    assert desk.datasets.add(desk.actor, path, desk.root).ref == "data:all@2"
