"""The verb that takes a registered name over: all of its versions, tags, stages and aliases.

Protected aliases and stages need the same evidence here as anywhere, so they may stay behind.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, GateFailedError
from trueup.foundation.records import builtins
from trueup.lifecycle.models import moving
from trueup.lifecycle.models import table as models
from trueup.lifecycle.models.protection import Guard
from trueup.lifecycle.models.registry import rules
from trueup.lifecycle.models.registry import table as registry
from trueup.lifecycle.models.versions import sources
from trueup.lifecycle.models.versions.service import manifest_of
from trueup.lifecycle.runs.tracking import table as tracking
from trueup.lifecycle.runs.tracking.imports import table as marks
from trueup.lifecycle.runs.tracking.imports.records import Counts, SourceName, SourceVersion
from trueup.lifecycle.runs.tracking.logged_models import table as logged_models
from trueup.ports.blobs import Blobs
from trueup.state.unit import State, Unit

_names = models.registered_models
_v = models.model_versions.c


class TakenName(NamedTuple):
    """How many of each kind are here of a name, and what stays behind and why."""

    here: Counts
    left: list[tuple[str, str]]


class NameImports:
    """Takes registered names over.

    Args:
        state: Where they are kept.
        guard: Who says whether a protected alias or stage may be given.
    """

    def __init__(self, state: State, guard: Guard) -> None:
        self._state = state
        self._guard = guard

    def take(self, actor: Actor, source: str, given: SourceName) -> TakenName:
        """Write a name with its versions, as numbered there; what is here already stays."""
        with self._state.write(actor, "models.write") as unit:
            connection = unit.connection
            head = registry.head(connection, given.name)
            known = marks.marks(connection, source, "name", [given.name])
            if head is not None and not known:
                why = "there is a model of this name here already"
                return TakenName(Counts(), [(f"model {given.name}", why)])
            left: list[tuple[str, str]] = []
            mark = digests.of_record(given)
            if known and known[given.name][0] == mark:
                self._move(unit, given, left)
                return TakenName(_count(connection, given), left)
            if head is None:
                _insert_name(unit, given)
            registry.set_tags(connection, registry.model_tags, {"model": given.name}, given.tags)
            versions = [f"{given.name}@{version.version}" for version in given.versions]
            taken = marks.marks(connection, source, "version", versions)
            for version in given.versions:
                ref = f"{given.name}@{version.version}"
                if ref not in taken and _is_there(connection, given.name, version.version):
                    left.append((ref, "there is another version of this number here"))
                    continue
                if ref not in taken:
                    _insert_version(unit, self._state.blobs, given.name, version, actor)
                    marks.note(connection, source, "version", [(ref, "taken", version.version, 0)])
                owner = {"model": given.name, "version": version.version}
                registry.set_tags(connection, registry.version_tags, owner, version.tags)
            self._move(unit, given, left)
            marks.note(connection, source, "name", [(given.name, mark, 0, 0)])
            data = {"versions": [version.version for version in given.versions]}
            unit.emit("model.imported", f"model:{given.name}", data=data)
            return TakenName(_count(connection, given), left)

    def _move(self, unit: Unit, given: SourceName, left: list[tuple[str, str]]) -> None:
        wanted = [("alias", alias, number) for alias, number in sorted(given.aliases.items())]
        wanted += [("stage", each.stage, each.version) for each in given.versions if each.stage]
        for kind, name, number in wanted:
            if not _is_there(unit.connection, given.name, number):
                continue
            try:
                if _stands(unit.connection, kind, given.name, name, number):
                    continue
                self._guard.may_move(unit, name, given.name, number)
            except (DeniedError, GateFailedError) as refusal:
                left.append((f"{kind} {name} of {given.name}@{number}", str(refusal)))
                continue
            if kind == "alias":
                moving.move_alias(unit, given.name, name, number, "imported from MLflow")
            else:
                moving.enter(unit, given.name, number, name, "imported from MLflow")


def _insert_name(unit: Unit, given: SourceName) -> None:
    last = max((version.version for version in given.versions), default=0)
    unit.execute(
        _names.insert().values(
            name=given.name,
            kind=rules.kind_of(given.tags),
            life="active",
            last=last,
            description=given.description,
            created_at=_moment(given.created_at),
            updated_at=_moment(given.updated_at),
        )
    )


def _insert_version(
    unit: Unit, blobs: Blobs, name: str, given: SourceVersion, actor: Actor
) -> None:
    origin = sources.Origin(
        given.source, _location(unit.connection, given), given.run, given.logged_model
    )
    manifest = manifest_of(unit, blobs, name, origin, given.run_link)
    digest = digests.of_record(manifest)
    unit.execute(
        models.model_versions.insert().values(
            model=name,
            version=given.version,
            digest=digest,
            run=given.run,
            manifest=builtins(manifest),
            registered_by=actor.name,
            registered_at=_moment(given.created_at),
            updated_at=_moment(given.updated_at),
            description=given.description,
            source=given.source,
            location=origin.location,
            logged_model=given.logged_model,
            run_link=given.run_link,
        )
    )
    change = _names.update().where(_names.c.name == name, _names.c.last < given.version)
    unit.execute(change.values(last=given.version))
    data = {"run": given.run, "source": given.source[:500], "by": given.user}
    unit.emit("model-version.registered", f"{name}@{given.version}", after=digest, data=data)


def _location(connection: sa.Connection, given: SourceVersion) -> str:
    """Where the files of a version are here; the source itself if they were not taken."""
    if given.logged_model:
        number = logged_models.number(connection, given.logged_model)
        if number is not None:
            return logged_models.models_of(connection, [number])[0].artifacts
    run = tracking.run(connection, given.run) if given.run else None
    if run is None:
        return given.source
    of_run = re.match(rf"runs:/+{re.escape(run.id)}/(.*)", given.source)
    of_path = re.search(rf"/{re.escape(run.id)}/artifacts/(.*)", given.source)
    found = of_run or of_path
    return f"{run.artifacts}/{found[1]}".rstrip("/") if found else given.source


def _is_there(connection: sa.Connection, name: str, number: int) -> bool:
    query = sa.select(_v.version).where(_v.model == name, _v.version == number)
    return connection.execute(query).first() is not None


def _stands(connection: sa.Connection, kind: str, model: str, name: str, number: int) -> bool:
    if kind == "alias":
        return models.alias(connection, model, name) == number
    query = sa.select(_v.version).where(
        _v.model == model, _v.version == number, _v.stage == name, _v.life == "active"
    )
    return connection.execute(query).first() is not None


def _count(connection: sa.Connection, given: SourceName) -> Counts:
    def count(table: sa.Table, *where: Any) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        found: int = connection.execute(
            query.where(table.c.model == given.name, *where)
        ).scalar_one()
        return found

    numbers = [version.version for version in given.versions]
    tags = registry.version_tags
    return Counts(
        names=1,
        name_tags=count(registry.model_tags),
        versions=count(models.model_versions, _v.version.in_(numbers), _v.life == "active"),
        version_tags=count(tags, tags.c.version.in_(numbers)),
        aliases=count(models.aliases, models.aliases.c.alias.in_(given.aliases)),
        stages=count(models.model_versions, _v.version.in_(numbers), _v.stage != ""),
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
