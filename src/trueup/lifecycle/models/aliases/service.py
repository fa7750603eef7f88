"""The verbs of aliases and stages. A protected one moves only with evidence, by whatever door."""

from __future__ import annotations

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.models import moving, table
from trueup.lifecycle.models.aliases import history, rules
from trueup.lifecycle.models.aliases.records import History
from trueup.lifecycle.models.protection import Guard, check_leaving
from trueup.lifecycle.models.registry import table as registry
from trueup.lifecycle.models.registry.records import RegisteredVersion
from trueup.state.unit import State


class Aliases:
    """Names that point at versions.

    Args:
        state: Where they are kept.
        guard: Who says whether a protected one may move.
    """

    def __init__(self, state: State, guard: Guard) -> None:
        self._state = state
        self._guard = guard

    def set(self, actor: Actor, model: str, alias: str, version: int, why: str = "") -> None:
        """Point an alias at a version; where it points already, nothing changes.

        Raises:
            NotFoundError: There is no such model or version.
            UsageError: The alias is malformed or reserved.
            DeniedError: It is protected, and an approval is missing.
            GateFailedError: It is protected, and there is no passing verdict.
        """
        rules.check_alias(alias)
        with self._state.write(actor, "models.write") as unit:
            registry.require_version(unit.connection, model, version)
            if table.alias(unit.connection, model, alias) != version:
                self._guard.may_move(unit, alias, model, version)
                moving.move_alias(unit, model, alias, version, why)

    def remove(self, actor: Actor, model: str, alias: str, why: str = "") -> None:
        """Take an alias away; one that is not there changes nothing.

        Raises:
            NotFoundError: There is no such model.
            DeniedError: It is protected.
        """
        rules.check_alias(alias, new=False)
        with self._state.write(actor, "models.write") as unit:
            registry.require(unit.connection, model)
            if table.alias(unit.connection, model, alias) is not None:
                self._guard.may_move(unit, alias, model, None)
                moving.remove_alias(unit, model, alias, why)

    def find(self, actor: Actor, model: str, alias: str) -> RegisteredVersion:
        """The version that an alias points at; `latest` is the newest one.

        Raises:
            NotFoundError: There is no such model, or it has no such alias.
        """
        rules.check_alias(alias, new=False)
        with self._state.read(actor) as connection:
            registry.require(connection, model)
            number = table.alias(connection, model, alias)
            if number is None and alias.lower() == rules.LATEST:
                number = registry.newest(connection, model)
            if number is None:
                raise _no_alias(model, alias)
            return registry.require_version(connection, model, number)

    def transition(
        self,
        actor: Actor,
        model: str,
        version: int,
        stage: str,
        *,
        archive: bool = False,
        why: str = "",
    ) -> RegisteredVersion:
        """Put a version into a stage; `archive` puts those that were there into `Archived`.

        Raises:
            NotFoundError: There is no such model or version.
            UsageError: There is no such stage, or nothing to archive in it.
            DeniedError: The stage is protected, and an approval is missing, or it would be empty.
            GateFailedError: It is protected, and there is no passing verdict.
        """
        to = rules.canonical(stage)
        if archive and to not in rules.ACTIVE_STAGES:
            raise UsageError(
                "stage-unknown",
                "Model version transition cannot archive existing model versions because "
                f"'{stage[:60]}' is not an Active stage. Valid stages are "
                f"{list(rules.ACTIVE_STAGES)}",
                hint="leave archive_existing_versions out",
            )
        with self._state.write(actor, "models.write") as unit:
            found = registry.require_version(unit.connection, model, version)
            others = table.standing_in(unit.connection, model, to) if archive else []
            if found.stage != to:
                if to:
                    self._guard.may_move(unit, to, model, version)
                check_leaving(unit, self._guard, found.model, found.version, found.stage)
            for other in others:
                if other != version:
                    moving.enter(unit, model, other, "Archived", why)
            moving.enter(unit, model, version, to, why)
            return registry.require_version(unit.connection, model, version)

    def history(self, actor: Actor, model: str, as_of: str = "") -> History:
        """Where a model's aliases and stages stood at a day or moment, and every move until then.

        Raises:
            NotFoundError: There is no such model.
            UsageError: That is no day and no moment.
        """
        at = rules.moment(as_of) if as_of else clock.now()
        with self._state.read(actor) as connection:
            registry.require(connection, model, deleted=True)
            found = history.moves(connection, model, at)
        return History(standing=rules.standing(model, at, found), moves=tuple(found))


def _no_alias(model: str, alias: str) -> NotFoundError:
    return NotFoundError(
        "alias-not-found",
        f"Model '{model}' has no alias '{alias}'.",
        hint=f"trueup model show {model}",
        context={"model": model, "alias": alias},
    )
