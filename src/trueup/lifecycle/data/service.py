"""The verbs of data."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.digests import PREFIX
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import builtins
from trueup.lifecycle.data import files, rules, table
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.plan.service import in_force
from trueup.state.unit import State


class Datasets:
    """Snapshots of the datasets that the plan declares."""

    def __init__(self, state: State) -> None:
        self._state = state

    def snapshot(self, actor: Actor, name: str, root: Path) -> DatasetVersion:
        """Keep a dataset as it is now; unchanged content gives the version there is.

        Raises:
            NotFoundError: The plan does not declare it, or there is no file.
            UsageError: A file cannot be read.
        """
        with self._state.read(actor) as connection:
            known = in_force(connection).plan.datasets
        rules.declared(name, known)
        kept, columns = files.keep(self._state.blobs, root, known[name].path, name)
        digest = rules.content_digest(kept)
        with self._state.write(actor, "data.write") as unit:
            before = table.latest(unit.connection, name)
            if before is not None and before.digest == digest:
                return before
            taken = DatasetVersion(
                name=name,
                version=before.version + 1 if before else 1,
                digest=digest,
                files=tuple(kept),
                columns=columns,
                rows=sum(file.rows for file in kept),
                taken_by=actor.name,
                taken_at=unit.at,
            )
            values = builtins(taken) | {"taken_at": unit.at}
            unit.execute(table.dataset_versions.insert().values(**values))
            unit.emit(
                "data.snapshot-taken",
                taken.ref,
                before=before.digest if before else "",
                after=digest,
                data=rules.change(before, taken),
            )
            return taken

    def newest(self, actor: Actor) -> list[DatasetVersion]:
        """The newest snapshot of every dataset."""
        with self._state.read(actor) as connection:
            return table.newest_of_each(connection)

    def show(self, actor: Actor, name: str, selector: str = "") -> DatasetVersion:
        """One snapshot, by number or digest; the newest without a selector.

        Raises:
            NotFoundError: There is no such snapshot.
        """
        with self._state.read(actor) as connection:
            return find(connection, name, selector)

    def load(self, actor: Actor, version: DatasetVersion) -> pl.DataFrame:
        """All rows of a snapshot.

        Raises:
            DeniedError: The actor may not read.
        """
        with self._state.read(actor):
            pass  # the permission alone: the rows are blobs
        return files.load(self._state.blobs, version)


def find(connection: sa.Connection, name: str, selector: str = "") -> DatasetVersion:
    """One snapshot, inside a transaction of the caller's.

    Raises:
        NotFoundError: There is no such snapshot.
    """
    if selector.startswith(PREFIX):
        found = table.with_digest(connection, name, selector)
    elif selector.isdecimal():
        found = table.version(connection, name, int(selector))
    else:
        found = table.latest(connection, name) if not selector else None
    if found is None:
        raise NotFoundError(
            "snapshot-not-found",
            f"There is no snapshot data:{name}{'@' + selector if selector else ''}.",
            hint="trueup data list",
        )
    return found
