"""The Merkle tree of RFC 6962 over the event log: any edit, loss or reorder changes the root.

The frontier (roots of the complete subtrees, largest first) is all that appending needs:
O(log n) hashes per event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf(raw: bytes) -> bytes:
    """The hash of one entry: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + raw).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def append(frontier: Sequence[bytes], size: int, entry: bytes) -> list[bytes]:
    """The frontier after one more leaf hash; `size` is the number of leaves before."""
    grown = [*frontier, entry]
    while size & 1:  # two complete subtrees of equal size become one
        right, left = grown.pop(), grown.pop()
        grown.append(node(left, right))
        size >>= 1
    return grown


def root(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree whose frontier this is.

    Example:
        >>> a, b, c = (leaf(x) for x in (b"a", b"b", b"c"))
        >>> root(frontier_of([a, b, c])) == node(node(a, b), c)
        True
    """
    if not frontier:
        return EMPTY_ROOT
    result = frontier[-1]
    for left in reversed(frontier[:-1]):
        result = node(left, result)
    return result


def frontier_of(leaves: Iterable[bytes]) -> list[bytes]:
    """The frontier of a whole tree, from its leaf hashes."""
    frontier: list[bytes] = []
    for size, entry in enumerate(leaves):
        frontier = append(frontier, size, entry)
    return frontier
