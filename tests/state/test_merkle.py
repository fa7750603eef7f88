"""The Merkle tree of RFC 6962, against the recursive definition of the RFC."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from trueup.state import merkle

ENTRIES = st.lists(st.binary(max_size=8), max_size=70)


def by_definition(entries: list[bytes]) -> bytes:
    """MTH(D[n]) of RFC 6962, section 2.1, written from its text."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    left, right = by_definition(entries[:split]), by_definition(entries[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(entries: list[bytes]) -> bytes:
    return merkle.root(merkle.frontier_of(merkle.leaf(entry) for entry in entries))


def test_known_roots_of_the_certificate_transparency_test_vectors() -> None:
    # The eight entries and roots that the reference implementation of RFC 6962 is tested with.
    texts = "", "00", "10", "2021", "3031", "40414243", "5051525354555657", ""
    entries = [bytes.fromhex(text) for text in texts[:7]]
    entries.append(bytes(range(0x60, 0x70)))
    assert merkle.EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")
    assert root_of(entries[:1]).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert root_of(entries).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


@given(ENTRIES)
def test_the_root_is_that_of_the_definition(entries: list[bytes]) -> None:
    assert root_of(entries) == by_definition(entries)


@given(ENTRIES)
def test_the_frontier_holds_one_hash_per_complete_subtree(entries: list[bytes]) -> None:
    frontier = merkle.frontier_of(merkle.leaf(entry) for entry in entries)
    assert len(frontier) == len(entries).bit_count()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_any_edit_changes_the_root(entries: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    edited = [*entries[:place], entries[place] + b"!", *entries[place + 1 :]]
    assert root_of(edited) != root_of(entries)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=40, unique=True), st.data())
def test_any_loss_or_swap_changes_the_root(entries: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 2))
    swapped = entries.copy()
    swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    assert len({root_of(entries), root_of(swapped), root_of(entries[:place])}) == 3


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_an_entry_never_looks_like_a_pair_of_subtrees(left: bytes, right: bytes) -> None:
    a, b = merkle.leaf(left), merkle.leaf(right)
    assert merkle.leaf(a + b) != merkle.node(a, b)
