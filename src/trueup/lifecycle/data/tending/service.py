"""The verbs of what a remote holds: verify it, forget versions of it, collect what nobody needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.references import Reference
from trueup.lifecycle.data.exchange import marks, published, remotes, walking
from trueup.lifecycle.data.exchange.errands import head_there, listed, local_of
from trueup.lifecycle.data.exchange.published import Head
from trueup.lifecycle.data.records import DatasetVersion, Forgotten
from trueup.lifecycle.data.retention.forgetting import NOTHING, Fate, Forgetting, Keep, check_asked
from trueup.lifecycle.data.service import find
from trueup.lifecycle.data.tending import forgetting
from trueup.lifecycle.data.tending.forgetting import Held
from trueup.state.remotes.collection import GRACE
from trueup.state.remotes.records import Collected, Progress, nothing
from trueup.state.remotes.remote import Remote
from trueup.state.unit import State


class Tending:
    """Looks after remotes."""

    def __init__(self, state: State, root: Path, home: Path) -> None:
        self._state = state
        self._root = root
        self._cache = home / "cache" / "remotes"

    def verify(
        self, actor: Actor, remote: str = "", progress: Progress = nothing
    ) -> list[walking.Wrong]:
        """Read everything in a remote, and name what is not as it was written.

        Raises:
            NotFoundError: There is no such remote.
        """
        with self._state.read(actor):
            pass  # the permission alone: nothing of the database is needed
        with remotes.opened(self._root, self._cache, remote) as (_, there):
            faults = list(there.verify(progress))
            bad = {fault.object for fault in faults}
            return list(walking.wrong(there, faults, _heads(there, bad)))

    def collect(
        self, actor: Actor, remote: str = "", *, dry_run: bool = True, grace: timedelta = GRACE
    ) -> Collected:
        """Remove from a remote what no branch and no record there needs.

        Raises:
            NotFoundError: There is no such remote, or it lacks something that a branch needs.
            ConflictError: Somebody else collects it.
        """
        with self._state.read(actor, "data.write"):
            pass  # the permission alone: what is needed stands in the remote
        with remotes.opened(self._root, self._cache, remote) as (name, there):

            def needed() -> Iterator[str]:
                return walking.needed(there, _heads(there))

            done = there.collect(needed, dry_run=dry_run, grace=grace, who=actor.name)
        if not dry_run and (done.marked or done.removed):
            with self._state.write(actor, "data.write") as unit:
                counts = {"marked": done.marked, "removed": done.removed, "freed": done.freed}
                unit.emit("data.remote-collected", f"data:{name}", data=counts)
        return done

    def forget(
        self,
        actor: Actor,
        wanted: Iterable[Reference],
        keep: Keep = NOTHING,
        remote: str = "",
        *,
        why: str = "",
        even_if_named: bool = False,
        dry_run: bool = False,
    ) -> Forgetting:
        """Count the bytes of versions as needed no more in a remote; here nothing changes.

        Collections of the remote remove them. Who has them still brings them back by a push of
        everything, or of a branch that begins at one.

        Args:
            actor: Who.
            wanted: Versions; or, with a rule, datasets: all that the remote has without.
            keep: The rule: what of the datasets is spared.
            remote: Name of a remote; the default one without.
            why: In the user's words.
            even_if_named: Forget also what something names, or a merge would need.
            dry_run: Say what would be forgotten, and forget nothing.

        Raises:
            NotFoundError: There is no such dataset, version or remote.
            ConflictError: A version that was asked for is needed, or the remote has versions that
                are not known here; nothing was forgotten.
            UsageError: Neither a version nor a rule was given, or a reason is missing.
        """
        asked = list(wanted)
        check_asked(asked, keep, why, even_if_named=even_if_named)
        blobs = self._state.blobs
        with remotes.opened(self._root, self._cache, remote) as (name, there):
            there.refresh()
            refs = listed(there)
            with self._state.read(actor, "data.write") as connection:
                numbers = _numbers(connection, asked) if asked else dict.fromkeys(refs, ())
                held: list[Held] = []
                fates: list[Fate] = []
                for dataset, some in numbers.items():
                    held.append(
                        forgetting.held(there, local_of(connection, dataset), refs.get(dataset, ()))
                    )
                    fates += forgetting.fates(
                        connection, blobs, held[-1], some, keep, even_if_named=even_if_named
                    )
            going = _going(held, fates)
            frees, shares = forgetting.weighed(there, blobs, going, _heads(there))
            found = Forgetting(fates=tuple(fates), frees=frees, shares=shares)
            if dry_run or not going:
                return found
            for record, each in going.items():
                gone = Forgotten(
                    dataset=each.name,
                    version=each.version,
                    by=actor.name,
                    at=clock.now(),
                    why=why,
                    even_if_named=even_if_named,
                )
                marks.put(there, record, gone)
            for dataset in numbers:  # somebody may have pushed a branch that begins at one
                newest = {head.record for head in _heads(there, of=dataset)}
                marks.take_away(there, dataset, newest & going.keys())
        with self._state.write(actor, "data.write") as unit:
            for each in going.values():
                data = {"remote": name}
                unit.emit("data.forgotten", each.ref, before=each.digest, why=why, data=data)
        return msgspec.structs.replace(found, done=True)


def _heads(there: Remote, bad: Collection[str] = (), of: str = "") -> list[Head]:
    """What the branches of a remote point at, but for those whose record is bad."""
    return [
        head
        for dataset, branches in listed(there).items()
        for branch in branches
        if f"{published.KIND}/{dataset}/{branch}" not in bad
        and of in ("", dataset)
        and (head := head_there(there, dataset, branch)[0]) is not None
    ]


def _numbers(connection: sa.Connection, asked: Iterable[Reference]) -> dict[str, list[int]]:
    """The versions that were asked for, by dataset; none of one that was named alone."""
    found: dict[str, list[int]] = {}
    for each in asked:
        version = find(connection, each.name, each.selector)
        some = found.setdefault(each.name, [])
        some += [version.version] if each.selector else []
    return found


def _going(held: Iterable[Held], fates: Iterable[Fate]) -> dict[str, DatasetVersion]:
    """The versions that go, by the digests of their records."""
    going = {fate.ref for fate in fates if fate.goes}
    return {
        each.local.records[number][0]: version
        for each in held
        for number, version in each.local.versions.items()
        if version.ref in going
    }
