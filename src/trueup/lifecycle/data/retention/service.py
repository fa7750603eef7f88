"""The verbs of retention: versions whose bytes are needed no more.

A name and what a version was made from are never forgotten. Bytes go with the next collection;
until then, forgetting can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.references import Reference
from trueup.lifecycle.data import manifest, rules, table
from trueup.lifecycle.data.records import DatasetVersion, Forgotten
from trueup.lifecycle.data.retention import forgetting
from trueup.lifecycle.data.retention.forgetting import NOTHING, Fate, Forgetting, Keep
from trueup.lifecycle.data.service import find
from trueup.lifecycle.data.upkeep import locking
from trueup.state.unit import State

if TYPE_CHECKING:
    import sqlalchemy as sa


class Retention:
    """Forgets versions of data, and remembers them again."""

    def __init__(self, state: State, root: Path) -> None:
        self._state = state
        self._root = root

    def forget(
        self,
        actor: Actor,
        wanted: Iterable[Reference],
        keep: Keep = NOTHING,
        *,
        why: str = "",
        even_if_named: bool = False,
        dry_run: bool = False,
    ) -> Forgetting:
        """Count the bytes of versions as needed no more.

        Args:
            actor: Who.
            wanted: Versions; or, with a rule, datasets: all of them without.
            keep: The rule: what of the datasets is spared.
            why: In the user's words.
            even_if_named: Forget also what a run, a model version or a verdict names.
            dry_run: Say what would be forgotten, and forget nothing.

        Returns:
            What goes and what stays. By a rule, a version that is needed stays.

        Raises:
            NotFoundError: There is no such dataset or version.
            ConflictError: A version that was asked for is needed; nothing was forgotten.
            UsageError: Neither a version nor a rule was given, or a reason is missing.
        """
        asked = list(wanted)
        forgetting.check_asked(asked, keep, why, even_if_named=even_if_named)
        with self._state.read(actor, "data.write") as connection:
            versions, fates = self._chosen(connection, asked, keep, even_if_named)
            frees, shares = forgetting.weighed(connection, self._state.blobs, versions)
        looked = Forgetting(fates=tuple(fates), frees=frees, shares=shares)
        if dry_run or not versions:
            return looked
        with self._state.write(actor, "data.write") as unit:
            # Something may have come to need one meanwhile: that one stays.
            versions, fates = self._chosen(unit.connection, asked, keep, even_if_named)
            for each in versions:
                gone = Forgotten(
                    dataset=each.name,
                    version=each.version,
                    by=unit.actor.name,
                    at=unit.at,
                    why=why,
                    even_if_named=even_if_named,
                )
                table.forget(unit.connection, gone)
                named = next(fate.why for fate in fates if fate.ref == each.ref)
                unit.emit(
                    "data.forgotten", each.ref, before=each.digest, why=why, data={"but": named}
                )
        return msgspec.structs.replace(looked, fates=tuple(fates), done=True)

    def undo(self, actor: Actor, wanted: Iterable[Reference]) -> list[DatasetVersion]:
        """Count the bytes of forgotten versions as needed again, as long as they are all here.

        Raises:
            NotFoundError: There is no such version, or a collector took some of its bytes.
        """
        asked = list(wanted)
        blobs = self._state.blobs
        with locking.keeping(self._root):  # no collector comes between the look and the note
            with self._state.read(actor, "data.write") as connection:
                found = [find(connection, each.name, each.selector) for each in asked]
                for version in found:
                    gone = table.forgotten(connection, version.name).get(version.version)
                    root = version.digest
                    if gone and (
                        not blobs.has(root) or blobs.missing(manifest.blobs_of(blobs, root))
                    ):
                        raise rules.is_forgotten(gone, has_bytes=False)
            with self._state.write(actor, "data.write") as unit:
                for version in found:
                    if table.remember(unit.connection, version.name, version.version):
                        unit.emit("data.remembered", version.ref, after=version.digest)
        return found

    def forgotten(self, actor: Actor, name: str) -> dict[int, Forgotten]:
        """The forgotten versions of a dataset, by number."""
        with self._state.read(actor) as connection:
            return table.forgotten(connection, name)

    def _chosen(
        self, connection: sa.Connection, asked: list[Reference], keep: Keep, even_if_named: bool
    ) -> tuple[list[DatasetVersion], list[Fate]]:
        """The versions that go, and what becomes of all that were looked at."""
        is_rule = keep != NOTHING
        looked, stay = _by_rule(connection, asked, keep) if is_rule else _named(connection, asked)
        needed = forgetting.needed(
            connection, self._root, [each for each in looked if each.ref not in stay]
        )
        going: list[DatasetVersion] = []
        fates: list[Fate] = []
        for version in looked:
            reason = needed.get(version.ref)
            if reason is not None and not (reason.is_named and even_if_named):
                if not is_rule:
                    raise forgetting.refused(version, reason)
                stay[version.ref] = reason.why
            goes = version.ref not in stay
            going += [version] if goes else []
            why = stay.get(version.ref) or (reason.why if reason else "")
            fates.append(
                Fate(
                    ref=version.ref,
                    taken_at=version.taken_at,
                    size=version.size,
                    goes=goes,
                    why=why,
                )
            )
        return going, fates


_Looked = tuple[list[DatasetVersion], dict[str, str]]
"""Versions to look at, and why some of them stay, by reference."""


def _by_rule(connection: sa.Connection, asked: list[Reference], keep: Keep) -> _Looked:
    looked: list[DatasetVersion] = []
    stay: dict[str, str] = {}
    for name in dict.fromkeys(each.name for each in asked) or table.names(connection):
        find(connection, name)
        away = table.elsewhere(connection, name)
        here = [each for each in table.versions(connection, name) if each.version not in away]
        spared = forgetting.spared(here, keep)
        looked += here
        stay |= {each.ref: "the rule keeps it" for each in here if each.version in spared}
    return looked, stay


def _named(connection: sa.Connection, asked: list[Reference]) -> _Looked:
    looked = {v.ref: v for v in (find(connection, each.name, each.selector) for each in asked)}
    stay = {
        version.ref: "its bytes were forgotten before, or never pulled"
        for version in looked.values()
        if version.version in table.elsewhere(connection, version.name)
    }
    return list(looked.values()), stay
