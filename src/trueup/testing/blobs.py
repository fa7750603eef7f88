"""What every blob store must do. Give each function a store that is empty and durable.

@pytest.mark.parametrize("prove", blobs.PROOFS)
def test_it_keeps_bytes(prove, tmp_path):
    prove(MyStore(f"mine://{tmp_path}"), tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.ports.blobs import Blobs
from trueup.testing.expecting import expect, expect_error

_SIZES = (0, 1, 4096, 1 << 20, (1 << 20) + 1)


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
        for ask in (store.get, store.has, store.local_path):
            expect_error(UsageError, partial(ask, text))


def serves_many_at_once(store: Blobs, folder: Path) -> None:
    """Threads that put equal and different bytes at once do not disturb each other."""
    contents = [str(number % 5).encode() * 1000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        named = list(pool.map(store.put, contents))
    expect([store.get(digest) for digest in named] == contents, "concurrent puts mixed bytes")
    expect(len(list(store.digests())) == 5, "concurrent puts of equal bytes left two copies")


PROOFS: tuple[Callable[[Blobs, Path], None], ...] = (
    gives_back_what_was_put,
    takes_files_and_leaves_them,
    keeps_equal_bytes_once,
    lists_all_it_keeps,
    offers_a_file_to_read,
    names_what_it_lacks,
    refuses_what_is_no_digest,
    serves_many_at_once,
)
