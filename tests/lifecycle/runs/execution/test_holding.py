"""Values held back: a blob store like any other, whose small values become durable together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.backends.blobs.local import Backend as LocalBlobs
from trueup.foundation import digests
from trueup.lifecycle.runs.execution.holding import Holding
from trueup.ports.blobs import Blobs
from trueup.testing import blobs


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(f"local://{tmp_path / 'blobs'}")


# A value held back is as old as its `write`, which errs towards keeping it.
PROOFS = [prove for prove in blobs.PROOFS if prove is not blobs.spares_the_young]


@pytest.mark.parametrize("prove", PROOFS, ids=lambda prove: prove.__name__)
def test_it_is_a_blob_store(
    store: LocalBlobs, prove: Callable[[Blobs, Path], None], tmp_path: Path
) -> None:
    prove(Holding(store), tmp_path)


def test_small_values_reach_the_store_together_and_read_the_same_before(
    store: LocalBlobs,
) -> None:
    held = Holding(store)
    small = [held.put(bytes([number])) for number in range(20)]
    large = held.put(bytes(100_000))
    assert store.missing([*small, large]) == set(small)
    assert held.missing([*small, large]) == set()
    assert dict(held.get_many(small)) == {d: bytes([n]) for n, d in enumerate(small)}
    held.write()
    assert store.missing(small) == set()
    assert [store.get(digest) for digest in small] == [bytes([n]) for n in range(20)]


def test_what_needs_a_file_is_written_first(store: LocalBlobs, tmp_path: Path) -> None:
    held = Holding(store)
    digest = held.put(b"value")
    assert held.local_path(digest).read_bytes() == b"value"
    held.materialise(held.put(b"other"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"other"


def test_what_is_held_back_is_bounded(store: LocalBlobs) -> None:
    held = Holding(store)
    for number in range(400):
        held.put(number.to_bytes(4, "big") * 15_000)
    assert len(list(store.digests())) > 200
    first = (0).to_bytes(4, "big") * 15_000
    assert held.get(digests.of_bytes(first)) == first
