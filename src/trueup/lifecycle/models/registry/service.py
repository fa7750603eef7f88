"""The verbs of registered names. `versions/service.py` has those of versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError
from trueup.lifecycle.models import moving
from trueup.lifecycle.models import table as models
from trueup.lifecycle.models.protection import Guard, check_aliases, check_leaving
from trueup.lifecycle.models.registry import rules, search, table
from trueup.lifecycle.models.registry.records import RegisteredModel, RegisteredVersion
from trueup.state.unit import State, Unit

_names = models.registered_models


class Registry:
    """Names that models are registered under.

    Args:
        state: Where they are kept.
        guard: Who says whether a protected alias may move, and a version be deleted.
    """

    def __init__(self, state: State, guard: Guard) -> None:
        self._state = state
        self._guard = guard

    def create(
        self, actor: Actor, name: str, *, description: str = "", tags: Mapping[str, str] = {}
    ) -> RegisteredModel:
        """Make a name; a deleted one comes back, and its numbers go on.

        Raises:
            ConflictError: There is one.
            UsageError: The name or a tag cannot be kept.
        """
        rules.check_name(name)
        rules.check_tags(tags)
        with self._state.write(actor, "models.write") as unit:
            before = table.head(unit.connection, name)
            kind = rules.kind_of(tags)
            if before is not None and before.life == "active":
                raise _taken(name, before.kind, kind)
            if before is not None and before.kind != kind:
                raise _taken(name, before.kind, kind)
            values = {
                **{"kind": kind, "life": "active", "description": description},
                **{"created_at": unit.at, "updated_at": unit.at},
            }
            if before is None:
                unit.execute(_names.insert().values(name=name, last=0, **values))
            else:
                unit.execute(_names.update().where(_names.c.name == name).values(**values))
            table.set_tags(unit.connection, table.model_tags, {"model": name}, dict(tags))
            unit.emit("model.created", f"model:{name}", data={"kind": kind})
            return _one(unit, name)

    def show(self, actor: Actor, name: str) -> RegisteredModel:
        """One name with its aliases, tags and newest versions.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            table.require(connection, name)
            return table.models_of(connection, [name])[0]

    def describe(self, actor: Actor, name: str, description: str) -> RegisteredModel:
        """Change the words about a name.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.write(actor, "models.write") as unit:
            table.require(unit.connection, name)
            table.touch(unit.connection, name, unit.at, description=description)
            unit.emit("model.described", f"model:{name}")
            return _one(unit, name)

    def rename(self, actor: Actor, name: str, new: str) -> RegisteredModel:
        """Give a model another name, with all its versions.

        Raises:
            NotFoundError: There is none of the old name.
            ConflictError: There is, or was, one of the new name, or pipelines make versions of it.
            DeniedError: It has a protected alias or stage.
            UsageError: The new name cannot be kept.
        """
        rules.check_name(new)
        with self._state.write(actor, "models.write") as unit:
            connection = unit.connection
            before = table.require(connection, name)
            if new == name:
                return _one(unit, name)
            other = table.head(connection, new)
            if other is not None and (other.life == "active" or other.last):
                raise _taken(new, other.kind, before.kind)
            self._check_removable(unit, name, renaming=True)
            if other is not None:
                unit.execute(_names.delete().where(_names.c.name == new))
            # The old name stays known, so that its numbers are not given to other versions.
            row = {key: before._mapping[key] for key in ("kind", "last", "description")}
            unit.execute(
                _names.insert().values(
                    name=new, life="active", created_at=before.created_at, updated_at=unit.at, **row
                )
            )
            unit.execute(
                _names.update()
                .where(_names.c.name == name)
                .values(life="renamed", description="", updated_at=unit.at)
            )
            rows = models.model_versions
            there = (rows.c.model == name, rows.c.life == "active")
            unit.execute(rows.update().where(*there).values(updated_at=unit.at))
            for renamed in (rows, models.aliases, table.model_tags, table.version_tags):
                unit.execute(renamed.update().where(renamed.c.model == name).values(model=new))
            unit.emit("model.renamed", f"model:{new}", before=name, after=new)
            return _one(unit, new)

    def delete(self, actor: Actor, name: str) -> None:
        """Take a name and all its versions out of every list; its history stays.

        Raises:
            NotFoundError: There is none.
            ConflictError: Something stands on one of its versions.
            DeniedError: It has a protected alias or stage.
        """
        with self._state.write(actor, "models.write") as unit:
            table.require(unit.connection, name)
            self._check_removable(unit, name)
            for alias in sorted(models.aliases_of(unit.connection, name)):
                moving.remove_alias(unit, name, alias, "the model was deleted")
            for number in table.numbers(unit.connection, name):
                moving.enter(unit, name, number, "", "the model was deleted")
                table.touch(unit.connection, name, unit.at, number, life="deleted")
            for tags in (table.model_tags, table.version_tags):
                unit.execute(tags.delete().where(tags.c.model == name))
            table.touch(unit.connection, name, unit.at, life="deleted", description="")
            unit.emit("model.deleted", f"model:{name}")

    def tag(self, actor: Actor, name: str, tags: Mapping[str, str]) -> None:
        """Set tags.

        Raises:
            NotFoundError: There is no such name.
            UsageError: A tag cannot be kept.
        """
        rules.check_tags(tags)
        with self._state.write(actor, "models.write") as unit:
            rules.check_kind(table.require(unit.connection, name).kind, tags)
            table.set_tags(unit.connection, table.model_tags, {"model": name}, dict(tags))
            table.touch(unit.connection, name, unit.at)
            unit.emit("model.tagged", f"model:{name}", data={"tags": sorted(tags)})

    def untag(self, actor: Actor, name: str, key: str) -> None:
        """Take a tag away; one that is not there changes nothing.

        Raises:
            NotFoundError: There is no such name.
            UsageError: The tag says what kind of thing the name is.
        """
        with self._state.write(actor, "models.write") as unit:
            kind = table.require(unit.connection, name).kind
            rules.check_kind(kind, {key: ""})
            if table.remove_tag(unit.connection, table.model_tags, {"model": name}, key):
                table.touch(unit.connection, name, unit.at)
                unit.emit("model.tagged", f"model:{name}", data={"removed": key})

    def search(
        self,
        actor: Actor,
        *,
        filter_: str = "",
        order: Sequence[str] = (),
        limit: int = 100,
        token: str = "",
    ) -> tuple[list[RegisteredModel], str]:
        """One page of registered models, and the token of the next; no prompts unless asked for.

        Raises:
            UsageError: Filter, order or token cannot be read.
        """
        with self._state.read(actor) as connection:
            names, following = search.models(connection, filter_, order, limit, token)
            return table.models_of(connection, names), following

    def latest(self, actor: Actor, name: str) -> list[RegisteredVersion]:
        """The newest version in each stage.

        Raises:
            NotFoundError: There is no such name.
        """
        return list(self.show(actor, name).latest)

    def _check_removable(self, unit: Unit, name: str, *, renaming: bool = False) -> None:
        connection = unit.connection
        check_aliases(unit, self._guard, name)
        for number in table.numbers(connection, name):
            version = table.require_version(connection, name, number)
            check_leaving(unit, self._guard, name, number, version.stage)
            self._guard.may_delete(unit, name, number)
            if renaming and not _is_foreign(connection, name, number):
                raise ConflictError(
                    "model-of-pipeline",
                    f"{version.ref} was made by a pipeline, whose verdicts and events name it so; "
                    f"'{name}' can't be renamed.",
                    hint=f"trueup model show {version.ref}",
                )


def _is_foreign(connection: sa.Connection, name: str, number: int) -> bool:
    found = models.version(connection, name, number)
    return found is not None and found.manifest.foreign is not None


def _one(unit: Unit, name: str) -> RegisteredModel:
    return table.models_of(unit.connection, [name])[0]


def _taken(name: str, existing: str, wanted: str) -> ConflictError:
    return ConflictError(
        "model-exists",
        f"There is already a {existing} '{name[:300]}'.",
        hint="trueup model list",
        context={"name": name[:300], "is": existing, "wanted": wanted},
    )
