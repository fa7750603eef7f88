"""A manifest: equal files have equal addresses, and a change touches one shard and the root."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, NotFoundError
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN, Change, Entry


class Shelf:
    """Blobs in memory that remember what was asked for."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.read: list[str] = []

    def put(self, raw: bytes) -> str:
        digest = digests.of_bytes(raw)
        self.kept[digest] = raw
        return digest

    def get(self, digest: str) -> bytes:
        self.read.append(digest)
        if digest not in self.kept:
            raise NotFoundError("blob-not-found", "gone")
        return self.kept[digest]


def entry(path: str, salt: object = "", mode: int = PLAIN) -> Entry:
    return Entry(path, digests.of_bytes(f"{path}{salt}".encode()), len(path), mode)


MANY = [entry(f"images/{number:06}.jpg") for number in range(20_000)]
PATHS = st.dictionaries(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    st.tuples(st.integers(0, 2), st.sampled_from([PLAIN, EXECUTABLE, LINK])),
    max_size=30,
)


def built(tree: dict[str, tuple[int, int]]) -> list[Entry]:
    return [entry(path, *tree[path]) for path in sorted(tree)]


@given(PATHS)
def test_what_was_put_in_comes_out(tree: dict[str, tuple[int, int]]) -> None:
    shelf, files = Shelf(), built(tree)
    root = manifest.build(files, shelf)
    assert list(manifest.entries(shelf, root)) == files
    assert manifest.totals(shelf, root) == (len(files), sum(file.size for file in files))
    assert set(manifest.blobs_of(shelf, root)) == shelf.kept.keys() | {f.digest for f in files}
    assert shelf.kept[root].startswith(manifest.MAGIC)


@given(PATHS, PATHS)
def test_a_difference_is_what_two_lists_do_not_share(
    one: dict[str, tuple[int, int]], two: dict[str, tuple[int, int]]
) -> None:
    shelf = Shelf()
    roots = [manifest.build(built(tree), shelf) for tree in (one, two)]
    expected = [
        Change(
            path,
            entry(path, *one[path]) if path in one else None,
            entry(path, *two[path]) if path in two else None,
        )
        for path in sorted(one.keys() | two.keys())
        if one.get(path) != two.get(path)
    ]
    assert list(manifest.difference(shelf, *roots)) == expected
    assert [c.kind for c in manifest.difference(shelf, "", roots[0])] == ["added"] * len(one)


def test_one_changed_file_of_many_rewrites_one_shard_and_the_root() -> None:
    shelf = Shelf()
    before = manifest.build(MANY, shelf)
    kept = len(shelf.kept)
    assert kept > 4
    changed = [entry(e.path, "new") if e.path.endswith("7777.jpg") else e for e in MANY[:10_000]]
    after = manifest.build([*changed, *MANY[10_000:]], shelf)
    assert len(shelf.kept) == kept + 2
    shelf.read.clear()
    assert [c.path for c in manifest.difference(shelf, before, after)] == ["images/007777.jpg"]
    assert len(shelf.read) == 4  # two roots, one shard of each


def test_a_file_in_front_of_all_others_rewrites_one_shard_and_the_root() -> None:
    shelf = Shelf()
    manifest.build(MANY, shelf)
    kept = len(shelf.kept)
    manifest.build([entry("a"), *MANY], shelf)
    assert len(shelf.kept) == kept + 2


def test_a_file_is_found_in_its_shard_alone() -> None:
    shelf = Shelf()
    root = manifest.build(MANY, shelf)
    shelf.read.clear()
    assert manifest.find(shelf, root, MANY[12_345].path) == MANY[12_345]
    assert len(shelf.read) == 2
    for path in ("", "images", "images/012345", "zebra"):
        assert manifest.find(shelf, root, path) is None


def test_held_reads_a_shared_shard_once() -> None:
    shelf = Shelf()
    roots = [manifest.build(MANY, shelf), manifest.build([entry("a"), *MANY], shelf)]
    wanted = {MANY[-1].digest, entry("a").digest, entry("never").digest}
    shelf.read.clear()
    assert manifest.held(shelf, roots, wanted) == wanted - {entry("never").digest}
    assert len(shelf.read) == len(set(shelf.read))


@pytest.mark.parametrize("paths", [["b", "a"], ["a", "a"]])
def test_paths_out_of_order_are_a_bug_of_the_caller(paths: Iterable[str]) -> None:
    with pytest.raises(ValueError, match="comes after"):
        manifest.build(map(entry, paths), Shelf())


def test_a_newer_layout_says_what_to_do() -> None:
    shelf = Shelf()
    root = shelf.put(msgspec.msgpack.encode(("trueup.files", manifest.LAYOUT + 1, [])))
    with pytest.raises(BackendError, match=r"layout 2") as caught:
        manifest.shards(shelf, root)
    assert caught.value.code == "manifest-newer"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"day,delay\n",
        msgspec.msgpack.encode([1, []]),
        msgspec.msgpack.encode(["trueup.other", 1, []]),
        msgspec.msgpack.encode(["trueup.files", 1, [["a", b"short"]]]),
        msgspec.msgpack.encode(["trueup.files", 1, [["a", b"short", 1, 1]]]),
    ],
)
def test_bytes_that_are_no_manifest_are_named(raw: bytes) -> None:
    shelf = Shelf()
    with pytest.raises(BackendError) as caught:
        manifest.shards(shelf, shelf.put(raw))
    assert caught.value.code == "manifest-malformed"


@pytest.mark.parametrize(
    ("paths", "keys", "sizes", "modes"),
    [
        ("a\0b", bytes(32), [1], b"\0"),
        ("a", bytes(31), [1], b"\0"),
        ("a", bytes(32), [1, 2], b"\0"),
        ("a", bytes(32), [1], b"\x03"),
        ("a", bytes(32), [1], b""),
    ],
)
def test_a_shard_whose_columns_do_not_agree_is_named(
    paths: str, keys: bytes, sizes: list[int], modes: bytes
) -> None:
    shelf = Shelf()
    shard = shelf.put(msgspec.msgpack.encode([1, paths, keys, sizes, modes]))
    with pytest.raises(BackendError) as caught:
        list(manifest.shard_entries(shelf, shard))
    assert caught.value.code == "manifest-malformed"
