"""Status without reading: what was found to be a version is that until something was touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from trueup.foundation import clock
from trueup.lifecycle.data.worktree import tree
from trueup.lifecycle.data.worktree.statcache import StatCache, Walk

LATER = timedelta(hours=1)
DIGEST = "b3:" + "0" * 64


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("a/1", "a/2", "b"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"content")
    return folder


def remembered(place: Path, after: timedelta = LATER) -> StatCache:
    """A cache that took the files, some time after they were written, for a version."""
    with clock.held_at(clock.now() + after):
        cache = StatCache(place.parent / "cache", "data")
    walk = Walk(tree.runs(place, "data"))
    walk.run()
    cache.found_to_be(DIGEST, walk)
    return cache


def still(cache: StatCache, place: Path, digest: str = DIGEST) -> int | None:
    return cache.is_still(digest, tree.runs(place, "data"))


def test_untouched_files_are_still_the_version(place: Path) -> None:
    assert still(remembered(place), place) == 3


def test_they_are_no_other_version(place: Path) -> None:
    assert still(remembered(place), place, "b3:" + "1" * 64) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda place: (place / "b").write_bytes(b"CONTENT"),  # of the same length
        lambda place: os.utime(place / "b"),
        lambda place: (place / "b").chmod(0o755),
        lambda place: (place / "c").write_bytes(b""),
        lambda place: (place / "a/1").unlink(),
        lambda place: (place / "a/1").rename(place / "a/3"),
        lambda place: (place / "a").rename(place / "aa"),
    ],
    ids=["written", "touched", "mode", "added", "removed", "renamed", "folder renamed"],
)
def test_whatever_was_done_is_noticed(place: Path, change: Callable[[Path], object]) -> None:
    cache = remembered(place)
    change(place)
    assert still(cache, place) is None


def test_a_file_that_keeps_its_times_but_is_another_one_is_noticed(place: Path) -> None:
    cache = remembered(place)
    before = (place / "b").stat()
    (place / "new").write_bytes(b"CONTENT")
    os.utime(place / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (place / "new").replace(place / "b")
    assert still(cache, place) is None


def test_files_that_were_just_written_are_not_trusted(place: Path) -> None:
    assert still(remembered(place, after=timedelta(seconds=1)), place) is None


def test_a_damaged_cache_remembers_nothing_and_stops_nobody(place: Path) -> None:
    cache = remembered(place)
    for file in (place.parent / "cache").iterdir():
        file.write_bytes(b"no database")
    assert still(cache, place) is None
