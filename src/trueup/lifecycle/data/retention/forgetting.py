"""Which versions may be forgotten, why others stay, and how many bytes that would free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.records import Record
from trueup.foundation.references import Reference
from trueup.foundation.text import listing
from trueup.lifecycle.data import manifest, table
from trueup.lifecycle.data.branching import merging
from trueup.lifecycle.data.records import MAIN, DatasetVersion
from trueup.lifecycle.data.upkeep import live
from trueup.lifecycle.data.upkeep.live import Gone
from trueup.lifecycle.data.worktree import positions
from trueup.ports.blobs import Blobs


class Keep(NamedTuple):
    """What a rule spares.

    Attributes:
        last: So many of the newest versions of each dataset.
        since: Everything that was taken at or after this moment.
    """

    last: int = 0
    since: datetime | None = None


NOTHING: Final = Keep()


class Fate(Record, kw_only=True):
    """What becomes of one version.

    Attributes:
        ref: The version.
        taken_at: When it was taken.
        size: Bytes in its files.
        goes: Whether it is forgotten.
        why: Why it stays; of one that goes, what names it all the same.
    """

    ref: str
    taken_at: datetime
    size: int
    goes: bool
    why: str = ""


class Forgetting(Record, kw_only=True):
    """What was forgotten, or would be.

    Attributes:
        fates: The versions that were looked at, the newest first.
        frees: Bytes that nothing refers to then: `trueup data gc` throws them away.
        shares: Bytes of these versions that something else needs.
        done: Whether anything was forgotten, rather than only looked at.
    """

    fates: tuple[Fate, ...]
    frees: int = 0
    shares: int = 0
    done: bool = False

    @property
    def gone(self) -> list[Fate]:
        """Those that are forgotten, or would be."""
        return [fate for fate in self.fates if fate.goes]


class Needed(NamedTuple):
    """Why a version cannot be forgotten.

    Attributes:
        why: In words.
        is_named: Whether it is only that something names it, which may be overruled.
        cure: The command after which it can be forgotten.
    """

    why: str
    is_named: bool
    cure: str


def check_asked(asked: Iterable[Reference], keep: Keep, why: str, *, even_if_named: bool) -> None:
    """Refuse what names neither versions nor a rule, or overrules without a reason.

    Raises:
        UsageError: It does.
    """
    if even_if_named and not why:
        raise UsageError(
            "forget-why",
            "What something names is forgotten only with a reason, for others to read.",
            hint='trueup data forget NAME@VERSION --even-if-named -m "WHY"',
        )
    if (keep != NOTHING) == any(each.selector for each in asked):
        raise UsageError(
            "forget-what",
            "Say which versions, or for whole datasets what to keep of them.",
            hint="trueup data forget NAME --keep-last 5   (or: NAME@VERSION)",
        )


def spared(versions: Sequence[DatasetVersion], keep: Keep) -> set[int]:
    """The versions that a rule spares, of the versions of one dataset, the newest first."""
    newest = {each.version for each in versions[: keep.last]}
    if keep.since is None:
        return newest
    return newest | {each.version for each in versions if each.taken_at >= keep.since}


def needed(
    connection: sa.Connection, root: Path, versions: Iterable[DatasetVersion]
) -> dict[str, Needed]:
    """Those of the versions that are needed, by reference, and why."""
    asked = list(versions)
    found: dict[str, Needed] = {}
    names = live.naming(connection, {each.digest for each in asked}, live.ALL_THERE)
    lines = {name: _lines(connection, name) for name in {each.name for each in asked}}
    for each in asked:
        name, number = each.name, each.version
        heads, bases = lines[name]
        position = positions.position(root, name)
        if number in heads.values():
            on = [head for head, newest in heads.items() if newest == number]
            branch = next((head for head in on if head != MAIN), MAIN)
            cure = (
                f"trueup data add {each.path}   (a newer version, and it is the newest no more)"
                if branch == MAIN
                else f"trueup data branch {name} {branch} --delete"
            )
            found[each.ref] = Needed(f"it is the newest of branch '{branch}'", False, cure)
        elif number == position.version or each.digest == position.becoming:
            cure = f"trueup data checkout {name}"
            found[each.ref] = Needed("the files that lie here are this version", False, cure)
        else:
            reasons, cure = [], ""
            if named := names.get(each.digest):
                reasons.append(f"it is named by {listing(named)}")
                cure = f'trueup data forget {name}@{number} --even-if-named -m "WHY"'
            if pair := bases.get(number):
                one, two = pair if pair[1] != position.branch else pair[::-1]
                reasons.append(f"branches '{one}' and '{two}' come from it, so a merge needs it")
                cure = cure or f"trueup data merge {name} {two}   (on branch '{one}')"
            if reasons:
                found[each.ref] = Needed("; ".join(reasons), True, cure)
    return found


def _lines(
    connection: sa.Connection, name: str
) -> tuple[dict[str, int], dict[int, tuple[str, str]]]:
    """The newest version of each branch of a dataset, and what merges of them begin at."""
    heads = {each.branch: each.version for each in table.branches(connection, name)}
    return heads, merging.bases(table.parents(connection, name), heads)


def refused(version: DatasetVersion, why: Needed) -> ConflictError:
    """The error for a version that was asked for and is needed."""
    return ConflictError(
        "version-needed", f"{version.ref} cannot be forgotten: {why.why}.", hint=why.cure
    )


def weighed(
    connection: sa.Connection, blobs: Blobs, versions: Collection[DatasetVersion]
) -> tuple[int, int]:
    """Bytes that only these versions need, and bytes that something else needs, too."""
    below = {
        digests.key(digest)
        for root in {each.digest for each in versions}
        if blobs.has(root)
        for digest in manifest.blobs_of(blobs, root)
    }
    if not below:
        return 0, 0
    gone = Gone(versions={(each.name, each.version) for each in versions})
    marked = live.marked(connection, blobs, gone)
    sizes = {digests.key(d): size for d, size in blobs.sizes(map(digests.of_key, below)).items()}
    shares = sum(size for key, size in sizes.items() if key in marked)
    return sum(sizes.values()) - shares, shares
