"""Which versions a remote may let go, why others stay, and how many bytes that would free.

A remote knows branches and what steps made. What runs, models and verdicts name stands in
databases: that of the project that asks is looked at, those of others cannot be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.foundation.text import listing
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.branching import merging
from trueup.lifecycle.data.exchange import marks, walking
from trueup.lifecycle.data.exchange.errands import Local, head_there
from trueup.lifecycle.data.exchange.published import Head
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.retention.forgetting import Fate, Keep, Needed, refused, spared
from trueup.lifecycle.data.upkeep import live
from trueup.ports.blobs import Blobs
from trueup.state.remotes.remote import Remote


class Held(NamedTuple):
    """What a remote holds of a dataset, by its numbers here.

    Attributes:
        local: The dataset as it is here.
        versions: The versions that its branches come from.
        heads: The newest version of each branch there.
        gone: The versions that were forgotten there.
    """

    local: Local
    versions: set[int]
    heads: dict[str, int]
    gone: set[int]


def held(there: Remote, local: Local, branches: Iterable[str]) -> Held:
    """What a remote holds of a dataset.

    Raises:
        ConflictError: A branch of the remote has versions that are not known here.
    """
    heads: dict[str, int] = {}
    for branch in branches:
        head, _ = head_there(there, local.name, branch)
        if head is None:
            continue
        heads[branch] = local.number_of(head.record)
        if not heads[branch]:
            raise ConflictError(
                "branch-apart",
                f"data:{local.name}@{branch} of the remote has versions that are not known here; "
                f"the newest was pushed by {head.pushed_by}.",
                hint=f"trueup data pull {local.name}",
            )
    versions: set[int] = set().union(*map(local.lineage, heads.values()))
    marked = marks.marked(there, local.name)
    gone = {number for number in versions if local.records[number][0] in marked}
    return Held(local, versions, heads, gone)


def needed(
    connection: sa.Connection, there: Held, versions: Collection[DatasetVersion]
) -> dict[int, Needed]:
    """Those of the versions that the remote needs, and why."""
    name = there.local.name
    parents = {number: each.parents for number, each in there.local.versions.items()}
    bases = merging.bases(parents, there.heads)
    names = live.naming(connection, {each.digest for each in versions}, live.ALL_THERE)
    found: dict[int, Needed] = {}
    for each in versions:
        number = each.version
        on = [branch for branch, newest in there.heads.items() if newest == number]
        if on:
            why = f"it is the newest of branch '{on[0]}' of the remote"
            found[number] = Needed(why, False, f"trueup data add {each.path} && trueup data push")
            continue
        reasons = []
        if pair := bases.get(number):
            one, two = pair
            reasons.append(f"branches '{one}' and '{two}' come from it, so a merge needs it")
        if named := names.get(each.digest):
            reasons.append(f"it is named by {listing(named)}")
        if reasons:
            cure = f'trueup data forget {name}@{number} --remote NAME --even-if-named -m "WHY"'
            found[number] = Needed("; ".join(reasons), True, cure)
    return found


def fates(
    connection: sa.Connection,
    blobs: Blobs,
    there: Held,
    asked: Collection[int],
    keep: Keep,
    *,
    even_if_named: bool,
) -> list[Fate]:
    """What becomes of versions in a remote, the newest first.

    Args:
        connection: The transaction to look in.
        blobs: The blobs here.
        there: What the remote holds.
        asked: Numbers of versions; none for all, by the rule.
        keep: The rule.
        even_if_named: Also what something names, or a merge would need.

    Raises:
        ConflictError: A version that was asked for is needed.
        NotFoundError: The remote does not hold one that was asked for.
    """
    looked = [there.local.versions[n] for n in sorted(asked or there.versions, reverse=True)]
    if absent := [each for each in looked if each.version not in there.versions]:
        raise NotFoundError(
            "remote-version",
            f"No branch of the remote comes from {absent[0].ref}.",
            hint=f"trueup data log {there.local.name}",
        )
    kept = set() if asked else spared(looked, keep)
    reasons = needed(connection, there, looked)
    found = []
    for each in looked:
        number, reason = each.version, reasons.get(each.version)
        goes, why = True, "its bytes are not here either: nobody may have them any more"
        if blobs.has(each.digest) and number not in there.local.forgotten:
            why = "its bytes stay here"
        if number in there.gone:
            goes, why = False, "it was forgotten there before"
        elif number in kept:
            goes, why = False, "the rule keeps it"
        elif reason is not None and not (reason.is_named and even_if_named):
            if asked:
                raise refused(each, reason)
            goes, why = False, reason.why
        elif reason is not None:
            why = reason.why
        found.append(Fate(ref=each.ref, taken_at=each.taken_at, size=each.size, goes=goes, why=why))
    return found


def weighed(
    there: Remote, blobs: Blobs, going: Mapping[str, DatasetVersion], heads: Iterable[Head]
) -> tuple[int, int]:
    """Bytes of files that only these versions need in a remote, and bytes that others share.

    Args:
        there: The remote.
        blobs: The blobs here, whose lists of files need not be fetched.
        going: The versions, by the digests of their records.
        heads: All branches of the remote.
    """
    sizes: dict[str, int] = {}
    for version in going.values():
        source = blobs if blobs.has(version.digest) else walking.There(there)
        for shard in manifest.shards(source, version.digest):
            for entry in manifest.shard_entries(source, shard.digest):
                sizes[entry.digest] = entry.size
    whole = sum(sizes.values())
    for digest in walking.needed(there, heads, going):
        sizes.pop(digest, None)
    return sum(sizes.values()), whole - sum(sizes.values())
