"""The nouns of remotes: what was moved, what is wrong there, what collecting would remove."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from trueup.foundation.records import Record

Progress = Callable[[int, int], None]
"""Told how many blobs and bytes more are done; called often, by one thread at a time."""


def nothing(blobs: int, size: int) -> None:
    """A progress that nobody looks at."""


class Layout(Record):
    """The first object of a remote: how everything else in it is to be read.

    Attributes:
        layout: Version of the arrangement of objects.
        cutting: How large files are cut into chunks, so that everybody cuts alike.
        made_at: When the remote was begun.
        check: Digest of everything else in it.
    """

    layout: int
    cutting: str
    made_at: datetime
    check: str = ""


class Transferred(Record):
    """What a push or a pull moved.

    Attributes:
        blobs: Blobs that were missing at the other end and are there now.
        size: Their bytes, as they are.
        moved: Bytes that travelled: packs are compressed, known chunks are not sent.
        packs: Packs that were written, or read in part.
        known: Blobs that were there already.
    """

    blobs: int = 0
    size: int = 0
    moved: int = 0
    packs: int = 0
    known: int = 0

    def plus(self, other: Transferred) -> Transferred:
        """Both together."""
        return Transferred(
            blobs=self.blobs + other.blobs,
            size=self.size + other.size,
            moved=self.moved + other.moved,
            packs=self.packs + other.packs,
            known=self.known + other.known,
        )


class Tombstone(Record):
    """Packs and indexes that nobody may count on any more; they are removed after a while.

    Attributes:
        written_at: When the collector decided so.
        packs: Names of packs.
        indexes: Names of index objects.
    """

    written_at: datetime
    packs: tuple[str, ...]
    indexes: tuple[str, ...]


class Fault(Record):
    """Something in a remote that is not as it was written.

    Attributes:
        object: The object that holds it, as the store names it.
        problem: What is wrong.
        digests: The blobs that cannot be had because of it.
    """

    object: str
    problem: str
    digests: tuple[str, ...] = ()


class Repaired(Record):
    """What was damaged in a remote and is so no more.

    Attributes:
        objects: Objects that were damaged or missing; nothing names them any more.
        left: Damaged records that only somebody else can write again.
        saved: Blobs that were whole in damaged packs, and lie in new ones now.
        indexes: Indexes that were written anew, because they named what is lost.
    """

    objects: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    saved: int = 0
    indexes: int = 0


class Collected(Record):
    """What collecting a remote did, or would do.

    Attributes:
        removed: Packs deleted: marked long enough ago, and still not needed.
        freed: Their bytes.
        marked: Packs nobody needs, from now on waiting to be deleted.
        rewritten: Packs of which less than half is needed, copied to new ones and marked.
        revived: Packs that were marked and are needed after all.
        waiting: Bytes in packs that are marked and not old enough yet.
        live: Stored bytes that are needed.
        due: When the last of those that wait may be deleted.
    """

    removed: int = 0
    freed: int = 0
    marked: int = 0
    rewritten: int = 0
    revived: int = 0
    waiting: int = 0
    live: int = 0
    due: datetime | None = None
