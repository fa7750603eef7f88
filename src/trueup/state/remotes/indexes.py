"""Index objects: which blobs lie where in which packs, and the recipe of each large file.

One is written per push (more during a long one), named by the digest of its bytes and never
changed. They repeat what the footers of the packs say, so that nobody has to read those.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from trueup.foundation import digests
from trueup.foundation.errors import BackendError
from trueup.foundation.packs import LARGEST_RECORD, Entry

_MAGIC = b"TRUEINDX"
_VERSION = 1
_HEADER = struct.Struct("<8sIIIQ")
_PACK = struct.Struct("<32sQI")
_ENTRY = struct.Struct("<32sQII")
_RECIPE = struct.Struct("<32s32s")


class Pack(NamedTuple):
    """A pack and the blobs in it.

    Attributes:
        key: The 32 bytes of its digest.
        size: Its length.
        entries: What it holds that can be counted on; a collector leaves out what nobody needs.
    """

    key: bytes
    size: int
    entries: Sequence[Entry]

    @property
    def name(self) -> str:
        """What the pack is called in the store."""
        return self.key.hex()


class Index(NamedTuple):
    """What one index object says.

    Attributes:
        packs: Packs and their blobs.
        recipes: Key of a large file, and key of its recipe.
    """

    packs: Sequence[Pack]
    recipes: Sequence[tuple[bytes, bytes]]


def write(index: Index, *, salt: int = 0) -> tuple[str, bytes]:
    """The name and the bytes of an index object; another salt gives it another name."""
    parts = [_HEADER.pack(_MAGIC, _VERSION, len(index.packs), len(index.recipes), salt)]
    for pack in index.packs:
        parts.append(_PACK.pack(pack.key, pack.size, len(pack.entries)))
        parts.extend(_ENTRY.pack(*entry) for entry in pack.entries)
    parts.extend(_RECIPE.pack(*pair) for pair in index.recipes)
    raw = b"".join(parts)
    return digests.key_of(raw).hex(), raw


def read(name: str, raw: bytes, shown: str) -> Index:
    """The index that an object holds.

    Args:
        name: What the object is called: the digest of its bytes.
        raw: Its bytes.
        shown: The remote, for messages.

    Raises:
        BackendError: The bytes are not those that were written, or a newer Trueup wrote them.
    """
    if digests.key_of(raw).hex() != name or not raw.startswith(_MAGIC):
        raise damaged(shown, f"indexes/{name}", "its bytes do not match its name")
    try:
        _, version, pack_count, recipe_count, _ = _HEADER.unpack_from(raw)
        if version != _VERSION:
            raise BackendError(
                "remote-newer",
                f"indexes/{name} of the remote {shown} has version {version}; "
                f"this Trueup reads {_VERSION}.",
                hint="pip install --upgrade trueup",
            )
        at, packs = _HEADER.size, []
        for _ in range(pack_count):
            key, size, count = _PACK.unpack_from(raw, at)
            at += _PACK.size
            end = at + count * _ENTRY.size
            entries = [Entry(*fields) for fields in _ENTRY.iter_unpack(raw[at:end])]
            if len(entries) != count or not all(_is_within(entry, size) for entry in entries):
                raise damaged(shown, f"indexes/{name}", "it names places that cannot be")
            packs.append(Pack(key, size, entries))
            at = end
        recipes = list(_RECIPE.iter_unpack(raw[at:]))
    except struct.error as error:
        raise damaged(shown, f"indexes/{name}", "it is cut short") from error
    if len(recipes) != recipe_count:
        raise damaged(shown, f"indexes/{name}", "it is cut short")
    return Index(packs, recipes)


def damaged(shown: str, name: str, why: str, keys: Sequence[bytes] = ()) -> BackendError:
    """The error for an object of a remote that is not as it was written."""
    return BackendError(
        "remote-damaged",
        f"{name} of the remote {shown} is damaged: {why}.",
        hint="trueup data verify --remote NAME",
        context={"object": name, "digests": [digests.of_key(key) for key in keys[:100]]},
    )


def _is_within(entry: Entry, size: int) -> bool:
    return entry.stored <= entry.size <= LARGEST_RECORD and entry.offset + entry.stored <= size
