"""The verbs of features."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.digests import PREFIX
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.runs.features import rules, table
from trueup.lifecycle.runs.features.records import FeatureDefinition, FeatureVersion
from trueup.state.unit import State


class Features:
    """Definitions of features, versioned like data."""

    def __init__(self, state: State) -> None:
        self._state = state

    def define(
        self, actor: Actor, run: str, definitions: Sequence[FeatureDefinition]
    ) -> list[FeatureVersion]:
        """Note what a run's steps define; an unchanged definition gives the version there is."""
        made: list[FeatureVersion] = []
        with self._state.write(actor, "runs.write") as unit:
            for definition in definitions:
                digest = rules.address(definition)
                known = table.versions(unit.connection, definition.name)
                version = next((each for each in known if each.digest == digest), None)
                if version is None:
                    version = FeatureVersion(
                        name=definition.name,
                        version=known[0].version + 1 if known else 1,
                        digest=digest,
                        definition=definition,
                        run=run,
                        defined_by=actor.name,
                        defined_at=unit.at,
                    )
                    unit.execute(
                        table.feature_versions.insert().values(
                            builtins(version) | {"defined_at": unit.at}
                        )
                    )
                    unit.emit(
                        "feature.defined",
                        version.ref,
                        before=known[0].digest if known else "",
                        after=digest,
                        data={"run": run, "columns": len(definition.columns)},
                    )
                unit.execute(
                    table.run_features.insert().values(run=run, name=definition.name, digest=digest)
                )
                made.append(version)
        return made

    def newest(self, actor: Actor) -> list[FeatureVersion]:
        """The newest version of every definition."""
        with self._state.read(actor) as connection:
            return table.newest_of_each(connection)

    def show(self, actor: Actor, name: str, selector: str = "") -> FeatureVersion:
        """One version, by number or digest; the newest without a selector.

        Raises:
            NotFoundError: There is no such definition or version.
        """
        with self._state.read(actor) as connection:
            return find(connection, name, selector)

    def log(self, actor: Actor, name: str) -> list[FeatureVersion]:
        """All versions of a definition, newest first.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return table.versions(connection, name) or [find(connection, name)]


def find(connection: sa.Connection, name: str, selector: str = "") -> FeatureVersion:
    """One version, inside a transaction of the caller's.

    Raises:
        NotFoundError: There is no such definition or version.
    """
    known = table.versions(connection, name)
    if selector.startswith(PREFIX):
        found = [version for version in known if version.digest.startswith(selector)]
    elif selector:
        found = [version for version in known if str(version.version) == selector]
    else:
        found = known
    if not found:
        names = [version.name for version in table.newest_of_each(connection)]
        wanted = f"feature:{name}{'@' + selector if selector else ''}"
        raise NotFoundError(
            "feature-not-found",
            f"There is no {wanted}." + ("" if known else did_you_mean(name, names)),
            hint=f"trueup feature show {name}" if known else "trueup feature list",
        )
    return found[0]
