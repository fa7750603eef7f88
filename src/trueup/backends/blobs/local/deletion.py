"""Forgetting blobs, and giving back the space of packs of which little is left.

Order is everything: the new pack is durable before the index points to it, and the old one is
removed only after that, so a process killed anywhere in between loses nothing that is needed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from trueup.backends.blobs.local.index import Index, Sealed
from trueup.backends.blobs.local.opening import footer_of
from trueup.backends.blobs.local.packed import Growing, path_of
from trueup.backends.blobs.local.wholes import Wholes
from trueup.foundation import packs
from trueup.foundation.errors import BackendError


def delete(
    wholes: Wholes, index: Index, keys: Sequence[bytes], stored_before: datetime | None
) -> int:
    """Forget blobs unless they are young; the bytes they took."""
    freed = sum(wholes.remove(key, stored_before) for key in keys)
    try:
        freed += index.forget(keys, stored_before)
    except sqlite3.OperationalError:
        # Forgetting needs a little room; on a full disk it comes from packs needed no more.
        if not index.while_none_renews(keys, stored_before, partial(_unlink, index)):
            raise
        freed += index.forget(keys, stored_before)
    for name in index.sparse():
        # What is damaged stays as it is, for `verify` to name it.
        with suppress(_Damaged):
            _rewrite(wholes.folder, index, name)
    return freed


def _unlink(index: Index, name: str) -> None:
    path_of(index.packs, name).unlink(missing_ok=True)


class _Damaged(Exception):
    pass


def _rewrite(folder: Path, index: Index, name: str) -> None:
    old = path_of(index.packs, name)
    index.switch(name, _successor(folder, index, name, old))
    if index.is_leaving(name):
        old.unlink(missing_ok=True)
        index.removed(name)


def _successor(folder: Path, index: Index, name: str, old: Path) -> Sealed | None:
    """A pack of what is still needed of another one, or nothing if nothing is."""
    try:
        handle = os.open(old, os.O_RDONLY)
    except FileNotFoundError:  # another process was faster
        return None
    try:
        return _rewritten(folder, index, name, handle)
    except BackendError as error:  # damage is not carried on under a new name
        raise _Damaged from error
    finally:
        os.close(handle)


def _rewritten(folder: Path, index: Index, name: str, old: int) -> Sealed | None:
    entries = footer_of(old, name)
    places = index.locate([entry.key for entry in entries])
    live = [e for e in entries if (place := places.get(e.key)) and place.pack == name]
    if not live:
        return None
    growing = Growing(folder)
    try:
        for entry in live:
            stored = os.pread(old, entry.stored, entry.offset)
            packs.unpack(stored, entry)
            growing.writer.append([(entry.key, stored, entry.size)])
        return growing.seal(index.packs)
    except BaseException:
        growing.discard()
        raise
