"""What every blob store must do. Give each function a store that is empty and durable.

@pytest.mark.parametrize("prove", blobs.PROOFS)
def test_it_keeps_bytes(prove, tmp_path):
    prove(MyStore(f"mine://{tmp_path}"), tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

from trueup.foundation import clock, digests
from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.ports.blobs import Blobs, Wanted
from trueup.testing.expecting import expect, expect_error

_SIZES = (0, 1, 4096, 1 << 20, (1 << 20) + 1)
_MANY_SIZES = (0, 1, 4096, (1 << 16) - 1, 1 << 16, (1 << 20) + 1)


def gives_back_what_was_put(store: Blobs, folder: Path) -> None:
    """Bytes of any size come back as they were, under their BLAKE3 digest."""
    for size in _SIZES:
        raw = bytes(index % 251 for index in range(size))
        digest = store.put(raw)
        expect(digest == digests.of_bytes(raw), f"put returned {digest} for {size} bytes")
        expect(store.get(digest) == raw, f"get changed {size} bytes")
        expect(store.has(digest), f"has denies what was put ({size} bytes)")


def takes_files_and_leaves_them(store: Blobs, folder: Path) -> None:
    """A file is kept by its digest, and itself stays where and as it was."""
    path = folder / "to-keep.bin"
    path.write_bytes(b"in a file" * 200_000)
    digest = store.put_file(path)
    expect(digest == digests.of_file(path), "put_file returned another digest")
    expect(path.read_bytes() == store.get(digest), "put_file changed the bytes")
    path.write_bytes(b"changed later")
    expect(store.get(digest) == b"in a file" * 200_000, "the blob follows its source file")


def keeps_equal_bytes_once(store: Blobs, folder: Path) -> None:
    """Storing the same bytes again is no error and keeps one copy."""
    first = store.put(b"the same")
    expect(store.put(b"the same") == first, "equal bytes have two digests")
    expect(list(store.digests()) == [first], "equal bytes are kept twice")


def lists_all_it_keeps(store: Blobs, folder: Path) -> None:
    """`digests` names every blob and nothing else."""
    kept = {store.put(str(number).encode()) for number in range(20)}
    expect(set(store.digests()) == kept, "digests() does not list exactly what was put")


def offers_a_file_to_read(store: Blobs, folder: Path) -> None:
    """`local_path` is a file with the bytes, for libraries that need one."""
    digest = store.put(b"to be mapped")
    expect(store.local_path(digest).read_bytes() == b"to be mapped", "local_path has other bytes")


def names_what_it_lacks(store: Blobs, folder: Path) -> None:
    """An unknown digest is "not found", never empty bytes."""
    unknown = digests.of_bytes(b"never put")
    expect(not store.has(unknown), "has claims what was never put")
    expect_error(NotFoundError, lambda: store.get(unknown))
    expect_error(NotFoundError, lambda: store.local_path(unknown))


def refuses_what_is_no_digest(store: Blobs, folder: Path) -> None:
    """Nothing but a digest is ever turned into a place: no path leads out of the store."""
    for text in ("", "b3:", "b3:../../etc/passwd", "b3:" + "g" * 64, "b3:" + "A" * 64, "x" * 200):
        for ask in (store.get, store.has, store.local_path, store.size):
            expect_error(UsageError, partial(ask, text))
        for ask_many in (store.missing, store.sizes, store.delete):
            expect_error(UsageError, partial(ask_many, [text]))
        expect_error(UsageError, partial(store.materialise, text, folder / "never"))
        expect(not (folder / "never").exists(), "something was written under no digest")


def serves_many_at_once(store: Blobs, folder: Path) -> None:
    """Threads that put equal and different bytes at once do not disturb each other."""
    contents = [str(number % 5).encode() * 1000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        named = list(pool.map(store.put, contents))
    expect([store.get(digest) for digest in named] == contents, "concurrent puts mixed bytes")
    expect(len(list(store.digests())) == 5, "concurrent puts of equal bytes left two copies")


def takes_many_at_once(store: Blobs, folder: Path) -> None:
    """What a batch took, bytes and files of any size, is there when its block ends, once each."""
    contents = [_content(size) for size in _MANY_SIZES]
    with store.batch() as batch:
        put = [batch.put(raw) for raw in contents]
        for number, raw in enumerate(contents):
            (folder / str(number)).write_bytes(raw)
        filed = [batch.put_file(folder / str(number)) for number in range(len(contents))]
    expect(put == [digests.of_bytes(raw) for raw in contents], "a batch names other digests")
    expect(put == filed, "a file has another digest than its bytes")
    expect([store.get(digest) for digest in put] == contents, "a batch changed bytes")
    expect(sorted(store.digests()) == sorted(set(put)), "a batch keeps equal bytes twice")
    expect((folder / "3").read_bytes() == contents[3], "a batch took the source file away")


def takes_many_from_threads(store: Blobs, folder: Path) -> None:
    """Several threads fill one batch."""
    contents = [_content(1 + number % 300) for number in range(1200)]
    with store.batch() as batch, ThreadPoolExecutor(4) as pool:
        named = list(pool.map(batch.put, contents))
    expect([store.get(digest) for digest in named] == contents, "threads mixed bytes up")
    expect(len(list(store.digests())) == len(set(named)), "threads left bytes twice")


def takes_over_a_file_made_aside(store: Blobs, folder: Path) -> None:
    """A file that was filled inside the store becomes a blob; one never given leaves nothing."""
    with store.batch() as batch:
        paths = [batch.aside() for _ in range(3)]
        for path, size in zip(paths, (10, 100_000, 20), strict=True):
            path.write_bytes(_content(size))
        named = [batch.put_file(path) for path in paths[:2]]
    expect([store.get(digest) for digest in named] == [_content(10), _content(100_000)], "changed")
    expect(not any(path.exists() for path in paths), "a file made aside was left")
    expect(set(store.digests()) == set(named), "a file that was never given became a blob")


def keeps_nothing_torn_of_a_broken_batch(store: Blobs, folder: Path) -> None:
    """A block left by an exception may keep blobs, but only whole ones, and the store goes on."""
    contents = [_content(size) for size in _MANY_SIZES]

    def broken() -> None:
        with store.batch() as batch:
            for raw in contents:
                batch.put(raw)
            raise _BrokenOffError("by the caller")

    try:
        broken()
    except _BrokenOffError:
        pass
    else:
        raise AssertionError("the batch swallowed the exception of its block")
    for digest in store.digests():
        expect(store.get(digest) in contents, "a broken batch left other bytes")
    with store.batch() as batch:
        named = [batch.put(raw) for raw in contents]
    expect([store.get(digest) for digest in named] == contents, "the store was left unusable")


def keeps_nothing_of_what_it_cannot_read(store: Blobs, folder: Path) -> None:
    """A file that cannot be read is an error that names it; the rest of the batch is kept."""
    (folder / "a folder").mkdir()
    with store.batch() as batch:
        first = batch.put(b"before")
        for path in (folder / "absent", folder / "a folder"):
            error = expect_error(UsageError, partial(batch.put_file, path))
            expect(str(path) in error.message, "the error does not name the file")
            expect_error(UsageError, partial(store.put_file, path))
        second = batch.put(b"after")
    expect(set(store.digests()) == {first, second}, "an unreadable file changed what is kept")


def answers_for_many(store: Blobs, folder: Path) -> None:
    """`missing`, `sizes` and `get_many` say the same as asking one by one."""
    contents = [_content(size) for size in range(0, 2000, 7)]
    single = [store.put(raw) for raw in contents[:20]]
    with store.batch() as batch:
        named = single + [batch.put(raw) for raw in contents[20:]]
    absent = [digests.of_bytes(b"absent" + _content(size)) for size in range(20)]
    for renew in (False, True):
        found = store.missing(named + absent, renew=renew)
        expect(found == set(absent), f"missing named {len(found)} of {len(absent)}")
    sizes = dict(zip(named, map(len, contents), strict=True))
    expect(store.sizes(named + absent) == sizes, "sizes are wrong")
    expect(store.size(named[5]) == len(contents[5]), "size is wrong")
    expect_error(NotFoundError, partial(store.size, absent[0]))
    expect(dict(store.get_many(named)) == dict(zip(named, contents, strict=True)), "get_many")
    expect_error(NotFoundError, lambda: list(store.get_many([named[0], absent[0]])))
    expect(not store.missing([]) and not store.sizes([]) and not list(store.get_many([])), "empty")


def writes_files_of_a_work_tree(store: Blobs, folder: Path) -> None:
    """A file gets its bytes and mode whole, replaces what stood there, and is the user's own."""
    contents = [_content(size) for size in _MANY_SIZES]
    with store.batch() as batch:
        named = [batch.put(raw) for raw in contents]
    wanted = [
        Wanted(digest, f"{folder}/tree/{number}", 0o640) for number, digest in enumerate(named)
    ]
    for _ in range(2):
        store.materialise_many(wanted)
        for file, raw in zip(wanted, contents, strict=True):
            expect(Path(file.target).read_bytes() == raw, "the file has other bytes")
            expect(Path(file.target).stat().st_mode & 0o777 == 0o640, "the file has another mode")
            Path(file.target).write_bytes(b"the user's edit")
    store.materialise(named[3], folder / "one")
    expect((folder / "one").read_bytes() == contents[3], "the file has other bytes")
    expect((folder / "one").stat().st_mode & 0o777 == 0o644, "the usual mode is not 0644")
    expect([store.get(digest) for digest in named] == contents, "an edit reached the store")
    expect(len(list((folder / "tree").iterdir())) == len(wanted), "something was left beside")


def links_files_of_a_work_tree(store: Blobs, folder: Path) -> None:
    """Hard and symbolic links hold the bytes read-only; a program is copied to stay executable."""
    with store.batch() as batch:
        named = [batch.put(_content(size)) for size in _MANY_SIZES]
    for _ in range(2):
        for number, digest in enumerate(named):
            store.materialise(digest, folder / f"hard-{number}", link="hard")
            store.materialise(digest, folder / f"symbolic-{number}", link="symbolic")
        for path in sorted(folder.glob("*-*")):
            raw = _content(_MANY_SIZES[int(path.name.rpartition("-")[2])])
            expect(path.read_bytes() == raw, "a link leads to other bytes")
            expect(not path.stat().st_mode & 0o333, "a link can be written or executed")
    expect(len(list(folder.glob("*-*"))) == 2 * len(named), "something was left beside")
    store.materialise(named[1], folder / "program", mode=0o755, link="hard")
    expect((folder / "program").stat().st_mode & 0o777 == 0o555, "a program is not executable")


def writes_no_file_that_it_lacks(store: Blobs, folder: Path) -> None:
    """Without the bytes no file is written, and what stands there stays; so with a folder."""
    unknown, known = digests.of_bytes(b"never put"), store.put(b"known")
    (folder / "mine").write_bytes(b"mine")
    expect_error(NotFoundError, partial(store.materialise, unknown, folder / "mine"))
    expect((folder / "mine").read_bytes() == b"mine", "a file was lost for nothing")
    (folder / "full" / "inside").mkdir(parents=True)
    expect_error(BackendError, partial(store.materialise, known, folder / "full"))
    expect((folder / "full" / "inside").is_dir(), "a folder was replaced")
    expect_error(BackendError, partial(store.materialise, known, folder / "mine" / "below"))


def deletes_what_is_named(store: Blobs, folder: Path) -> None:
    """Deleted blobs are gone, all others stay, and unknown ones are no error."""
    contents = [_content(size) for size in range(300)]
    single = [store.put(raw) for raw in contents[:10]]
    with store.batch() as batch:
        named = single + [batch.put(raw) for raw in contents[10:]]
    for step in (7, 2, 3, 1):
        gone, stay = named[::step], [d for n, d in enumerate(named) if n % step]
        freed = store.delete([*gone, digests.of_bytes(b"unknown")])
        expect(freed > 0, "deleting frees nothing")
        expect(set(store.digests()) == set(stay), "another set of blobs than expected is left")
        expect(store.missing(named) == set(gone), "deleted blobs are still there")
        expect(all(digests.of_bytes(raw) == d for d, raw in store.get_many(stay)), "a blob changed")
        expect(not list(store.verify()), "deleting left damage")
        expect(store.delete(gone) == 0, "deleting twice frees twice")
        with store.batch() as batch:
            expect([batch.put(raw) for raw in contents] == named, "putting again names otherwise")


def spares_the_young(store: Blobs, folder: Path) -> None:
    """A collector that says when it began takes nothing that was put, or put again, since."""
    now = clock.now()

    def put_all() -> list[str]:
        with store.batch() as batch:
            return [store.put(b"single"), batch.put(b"packed"), batch.put(_content(70_000))]

    with clock.held_at(now - timedelta(days=2)):
        named = put_all()
        old = store.put(b"old")
    ages = {kept.digest: kept for kept in store.kept()}
    expect(set(ages) == {*named, old}, "kept() does not list exactly what was put")
    expect(ages[named[2]].size == 70_000, "kept() has another size")
    expect(all(now - k.stored_at > timedelta(days=1) for k in ages.values()), "kept() is too young")
    with clock.held_at(now):
        put_all()
        expect(not store.missing([old], renew=False), "missing denies what was put")
        store.delete([*named, old], stored_before=now - timedelta(days=1))
        expect(set(store.digests()) == set(named), "the young were taken, or the old stayed")
        store.delete(named, stored_before=now + timedelta(hours=1))
        expect(not list(store.digests()), "the old stayed")


def renews_what_is_relied_on(store: Blobs, folder: Path) -> None:
    """`missing(renew=True)` makes blobs young, so that they outlive a collector."""
    now = clock.now()
    with clock.held_at(now - timedelta(days=2)), store.batch() as batch:
        named = [store.put(b"single"), batch.put(b"packed")]
    expect(not store.missing(named, renew=True), "missing denies what was put")
    expect(
        store.delete(named, stored_before=now - timedelta(days=1)) == 0, "the renewed were taken"
    )
    expect(not store.missing(named), "the renewed were taken")


def finds_a_sound_store_sound(store: Blobs, folder: Path) -> None:
    """A check of what was never damaged names nothing."""
    expect(not list(store.verify()), "an empty store is called damaged")
    store.put(b"single")
    with store.batch() as batch:
        for size in _MANY_SIZES:
            batch.put(_content(size))
    expect(not list(store.verify()), "a sound store is called damaged")


class _BrokenOffError(Exception):
    pass


def _content(size: int) -> bytes:
    return (size.to_bytes(4, "big") * (size // 4 + 1))[:size]


PROOFS: tuple[Callable[[Blobs, Path], None], ...] = (
    gives_back_what_was_put,
    takes_files_and_leaves_them,
    keeps_equal_bytes_once,
    lists_all_it_keeps,
    offers_a_file_to_read,
    names_what_it_lacks,
    refuses_what_is_no_digest,
    serves_many_at_once,
    takes_many_at_once,
    takes_many_from_threads,
    takes_over_a_file_made_aside,
    keeps_nothing_torn_of_a_broken_batch,
    keeps_nothing_of_what_it_cannot_read,
    answers_for_many,
    writes_files_of_a_work_tree,
    links_files_of_a_work_tree,
    writes_no_file_that_it_lacks,
    deletes_what_is_named,
    spares_the_young,
    renews_what_is_relied_on,
    finds_a_sound_store_sound,
)
