"""The verbs of versions as clients of other tools know them. What makes a version never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, TrueupError
from trueup.foundation.records import builtins
from trueup.lifecycle.models import moving
from trueup.lifecycle.models import table as models
from trueup.lifecycle.models.protection import Guard, check_aliases, check_leaving
from trueup.lifecycle.models.registry import rules, search, table
from trueup.lifecycle.models.registry.records import Kind, RegisteredVersion
from trueup.lifecycle.runs.tracking import table as words
from trueup.lifecycle.runs.tracking.logged_models import table as logged_models
from trueup.state.unit import State, Unit

if TYPE_CHECKING:
    import polars as pl

    from trueup.lifecycle.models.records import ForeignFile, Manifest
    from trueup.lifecycle.models.versions.sources import Origin
    from trueup.lifecycle.runs.tracking.files.plain import PlainFolder
    from trueup.ports.blobs import Blobs

_UNKNOWN = (
    *("reference", "holdout", "trained_on", "label"),
    *("pipeline", "code", "commit", "environment"),
)
_VERSIONS_TAG = "mlflow.modelVersions"


class Versions:
    """Versions of registered names.

    Args:
        state: Where they are kept.
        guard: Who says whether a version may be deleted.
        folder: The folder that clients write files to by themselves, if there is one.
    """

    def __init__(self, state: State, guard: Guard, folder: PlainFolder | None = None) -> None:
        self._state = state
        self._guard = guard
        self._folder = folder

    def create(
        self,
        actor: Actor,
        name: str,
        source: str,
        *,
        run: str | None = None,
        logged_model: str | None = None,
        run_link: str = "",
        description: str = "",
        tags: Mapping[str, str] = {},
    ) -> RegisteredVersion:
        """Register what is at a URI as the next version of a name.

        Raises:
            NotFoundError: There is no such name, or nothing of what the source names.
            UsageError: The source may not be used, or a tag cannot be kept.
            ConflictError: A prompt's name is no model's.
        """
        from trueup.lifecycle.models.versions import sources

        rules.check_name(name)
        rules.check_tags(tags)
        kind = rules.kind_of(tags)
        taken: tuple[ForeignFile, ...] = ()
        if kind == "model":
            taken = self._look_ahead(actor, source, run, logged_model)
        with self._state.write(actor, "models.write") as unit:
            connection = unit.connection
            sources.require_kind(name, table.require(connection, name).kind, kind)
            if kind == "prompt":
                sources.check_prompt(source)
                origin = sources.Origin(source, source, run or "", "")
            else:
                origin = sources.resolve(connection, source, run, logged_model)
            manifest = manifest_of(unit, self._state.blobs, name, origin, run_link, taken)
            number = _next(unit, name, kind)
            return _insert(unit, actor, number, manifest, origin, description, tags)

    def sign(
        self, actor: Actor, name: str, selector: str, example: pl.DataFrame
    ) -> RegisteredVersion:
        """Register a version again, with the signature that example rows imply.

        Args:
            actor: Who.
            name: Registered name.
            selector: Version or alias; the newest version without.
            example: Rows of the model's inputs alone, in its order.

        Raises:
            NotFoundError: There is no such version.
            ConflictError: It has a signature.
            DeniedError: It is quarantined.
            GateFailedError: It cannot be loaded here.
            UsageError: A column has a type that no request could carry.
            UserCodeError: The model cannot answer these rows.
        """
        from trueup.lifecycle.models import rules as model_rules
        from trueup.lifecycle.models import service as model_service
        from trueup.lifecycle.models.usable import check_loadable
        from trueup.lifecycle.models.versions import sources

        with self._state.read(actor, "models.write") as connection:
            before = model_service.find(connection, name, selector)
        if before.manifest.signature.inputs:
            raise ConflictError(
                "signature-known",
                f"{before.ref} has a signature, and a version never changes.",
                hint=f"trueup model show {before.ref}",
            )
        check_loadable(before)
        signature = model_rules.signature_like(example)
        model_service.check_answers(self._state.blobs, before, signature, example)
        manifest = msgspec.structs.replace(before.manifest, signature=signature)
        with self._state.write(actor, "models.write") as unit:
            known = table.require_version(unit.connection, name, before.version)
            origin = sources.Origin(
                f"models:/{name}/{before.version}", known.location, known.run, known.logged_model
            )
            number = _next(unit, name, "model")
            words = f"{before.ref} with a signature"
            return _insert(unit, actor, number, manifest, origin, words, known.tags)

    def show(self, actor: Actor, name: str, version: int) -> RegisteredVersion:
        """One version.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return table.require_version(connection, name, version)

    def describe(
        self, actor: Actor, name: str, version: int, description: str | None
    ) -> RegisteredVersion:
        """Change the words about a version.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.write(actor, "models.write") as unit:
            before = table.require_version(unit.connection, name, version)
            if description is not None and description != before.description:
                table.touch(unit.connection, name, unit.at, version, description=description)
                unit.emit("model-version.described", before.ref)
            return table.require_version(unit.connection, name, version)

    def delete(self, actor: Actor, name: str, version: int) -> None:
        """Take a version out of every list; its number is never given again.

        Raises:
            NotFoundError: There is none.
            ConflictError: Something stands on it.
            DeniedError: A protected alias points at it, or it is alone in a protected stage.
        """
        with self._state.write(actor, "models.write") as unit:
            found = table.require_version(unit.connection, name, version)
            check_aliases(unit, self._guard, name, version)
            check_leaving(unit, self._guard, found.model, found.version, found.stage)
            self._guard.may_delete(unit, name, version)
            for alias in found.aliases:
                moving.remove_alias(unit, name, alias, "the version was deleted")
            moving.enter(unit, name, version, "", "the version was deleted")
            table.touch(unit.connection, name, unit.at, version, life="deleted")
            unit.emit("model-version.deleted", found.ref, before=found.digest)

    def tag(self, actor: Actor, name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags.

        Raises:
            NotFoundError: There is no such version.
            UsageError: A tag cannot be kept.
        """
        rules.check_tags(tags)
        with self._state.write(actor, "models.write") as unit:
            found = table.require_version(unit.connection, name, version)
            rules.check_kind(table.require(unit.connection, name).kind, tags)
            owner = {"model": name, "version": version}
            table.set_tags(unit.connection, table.version_tags, owner, dict(tags))
            table.touch(unit.connection, name, unit.at, version)
            unit.emit("model-version.tagged", found.ref, data={"tags": sorted(tags)})

    def untag(self, actor: Actor, name: str, version: int, key: str) -> None:
        """Take a tag away; one that is not there changes nothing.

        Raises:
            NotFoundError: There is no such version.
        """
        with self._state.write(actor, "models.write") as unit:
            found = table.require_version(unit.connection, name, version)
            owner = {"model": name, "version": version}
            if table.remove_tag(unit.connection, table.version_tags, owner, key):
                table.touch(unit.connection, name, unit.at, version)
                unit.emit("model-version.tagged", found.ref, data={"removed": key})

    def search(
        self,
        actor: Actor,
        *,
        filter_: str = "",
        order: Sequence[str] = (),
        limit: int = 10_000,
        token: str = "",
    ) -> tuple[list[RegisteredVersion], str]:
        """One page of versions, and the token of the next; none of prompts unless asked for.

        Raises:
            UsageError: Filter, order or token cannot be read.
        """
        with self._state.read(actor) as connection:
            rows, following = search.versions(connection, filter_, order, limit, token)
            return table.versions_of(connection, rows), following

    def _look_ahead(
        self, actor: Actor, source: str, run: str | None, logged_model: str | None
    ) -> tuple[ForeignFile, ...]:
        """Look into the files before others have to wait for it; what is wrong is said later.

        Files in a folder that clients write to are kept as they are now: what is judged later is
        what was registered, whatever becomes of the folder.
        """
        from trueup.lifecycle.models.contents import reading
        from trueup.lifecycle.models.versions import sources

        origin: Origin | None = None
        files: tuple[ForeignFile, ...] = ()
        with suppress(TrueupError), self._state.read(actor, "models.write") as connection:
            origin = sources.resolve(connection, source, run, logged_model)
            files = sources.files_at(connection, origin.location)
        if origin is None:
            return ()
        taken: tuple[ForeignFile, ...] = ()
        if self._folder is not None and not files and origin.copied is None:
            taken = sources.take(self._state.blobs, self._folder, origin.location)
        reading.read(self._state.blobs, files or taken)
        return taken


def manifest_of(
    unit: Unit,
    blobs: Blobs,
    name: str,
    origin: Origin,
    run_link: str,
    taken: tuple[ForeignFile, ...] = (),
) -> Manifest:
    """All that makes a version of what a source turned out to be.

    Args:
        unit: The transaction.
        blobs: Where the files are.
        name: The registered name.
        origin: What the source turned out to be.
        run_link: Address of its run elsewhere.
        taken: Its files, when they were kept for it; else looked up.
    """
    from trueup.lifecycle.models.contents import reading
    from trueup.lifecycle.models.records import Foreign, Manifest
    from trueup.lifecycle.models.versions import sources

    if origin.copied is not None:
        return msgspec.structs.replace(origin.copied.manifest, model=name)
    files = taken or sources.files_at(unit.connection, origin.location)
    found = reading.read(blobs, files)
    foreign = Foreign(
        source=origin.source,
        location=origin.location,
        logged_model=origin.logged_model,
        run_link=run_link,
        files=files,
        quarantined=found.quarantined,
    )
    return Manifest(
        model=name,
        run=origin.run,
        foreign=foreign,
        format=found.format,
        file=found.file,
        signature=found.signature,
        parameters={},
        data={},
        **dict.fromkeys(_UNKNOWN, ""),  # type: ignore[arg-type]
    )


def _insert(
    unit: Unit,
    actor: Actor,
    number: int,
    manifest: Manifest,
    origin: Origin,
    description: str,
    tags: Mapping[str, str],
) -> RegisteredVersion:
    """Write a new version, with its tags and its event."""
    name, digest = manifest.model, digests.of_record(manifest)
    unit.execute(
        models.model_versions.insert().values(
            model=name,
            version=number,
            digest=digest,
            run=origin.run,
            manifest=builtins(manifest),
            registered_by=actor.name,
            registered_at=unit.at,
            updated_at=unit.at,
            description=description,
            source=origin.source,
            location=origin.location,
            logged_model=origin.logged_model,
            run_link=manifest.foreign.run_link if manifest.foreign else "",
        )
    )
    owner = {"model": name, "version": number}
    table.set_tags(unit.connection, table.version_tags, owner, dict(tags))
    _note(unit, origin.logged_model, name, number)
    data = {"run": origin.run, "source": origin.source[:500]}
    if manifest.quarantined:
        data["quarantined"] = manifest.quarantined
    unit.emit("model-version.registered", f"{name}@{number}", after=digest, data=data)
    return table.require_version(unit.connection, name, number)


def _next(unit: Unit, name: str, kind: Kind) -> int:
    if kind == "model":
        return models.next_number(unit.connection, name, unit.at)
    names = models.registered_models
    change = names.update().where(names.c.name == name).returning(names.c.last)
    number: int = unit.execute(
        change.values(last=names.c.last + 1, updated_at=unit.at)
    ).scalar_one()
    return number


def _note(unit: Unit, logged_model: str, name: str, version: int) -> None:
    """Say at the logged model which versions it became: clients look there."""
    number = logged_models.number(unit.connection, logged_model) if logged_model else None
    if number is None:
        return
    tags = words.words_of(unit.connection, logged_models.logged_model_tags, number)
    try:
        known = msgspec.json.decode(tags.get(_VERSIONS_TAG, "[]"), type=list[dict[str, int | str]])
    except msgspec.MsgspecError:  # a client may set any tag to anything
        known = []
    value = msgspec.json.encode([*known, {"name": name, "version": version}]).decode()
    changed = {_VERSIONS_TAG: value}
    words.set_words(unit.connection, logged_models.logged_model_tags, number, changed)
