"""`trueup model`: registered models, their versions, and what happened to each."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.model import alias as model_alias
from trueup.doors.cli.model import card as model_card
from trueup.doors.cli.model import signature as model_signature
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.digests import short
from trueup.foundation.errors import TrueupError
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.lifecycle.models.records import Manifest, ModelVersion


@click.group(cls=Group)
def command() -> None:
    """Registered models and their versions."""


command.add_command(model_alias.command, "alias")
command.add_command(model_card.card, "card")
command.add_command(model_card.bom, "bom")
command.add_command(model_signature.command, "signature")


@command.command("list", example="trueup model list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all models with their newest version and their champion."""
    with output.here() as workspace:
        actor = workspace.owner
        found = []
        for name in workspace.models.names(actor):
            versions = workspace.models.versions(actor, name)
            found.append((versions[0], workspace.models.aliases(actor, name), len(versions)))
    if as_json:
        output.emit_json(
            [
                {"model": newest.model, "newest": newest.version, "versions": n, "aliases": aliases}
                for newest, aliases, n in found
            ]
        )
        return
    if not found:
        output.say("No model is registered yet.")
        output.next_step("trueup run")
        return
    rows = [
        (newest.model, newest.ref, _named(newest.model, aliases), count, newest.registered_at)
        for newest, aliases, count in found
    ]
    output.table(("model", "newest", "aliases", "versions", "registered at"), rows)
    output.next_step(f"trueup model history {shlex.quote(found[0][0].model)}")


@command.command("show", example="trueup model show lumps@champion")
@click.argument("reference", metavar="MODEL[@VERSION]")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one version: what it is made of, what it takes, and its verdicts."""
    from trueup.lifecycle.models import answers, leave

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.owner
        version = workspace.models.show(actor, wanted.name, wanted.selector)
        aliases = workspace.models.aliases(actor, version.model)
        verdicts = workspace.gates.of_model(actor, version.ref)
        code = leave.facts(workspace.state.blobs, version.manifest)
    if as_json:
        output.emit_json(
            {"version": version, "aliases": aliases, "verdicts": verdicts, "code": code}
        )
        return
    manifest = version.manifest
    output.heading(version.ref, ", ".join(a for a, n in aliases.items() if n == version.version))
    output.facts(
        {
            "digest": short(version.digest),
            "format": manifest.format,
            "quarantined": manifest.quarantined,
            **code,
            **_origin(manifest),
            "parameters": ", ".join(f"{k}={v}" for k, v in manifest.parameters.items()),
            "data": ", ".join(f"{k} {short(v)}" for k, v in manifest.data.items()),
            "commit": manifest.commit[:7],
            "label": manifest.label,
            "answers": answers.said(manifest.signature),
            "registered": f"{words.moment(version.registered_at)} by {version.registered_by}",
        }
    )
    output.blank()
    if manifest.quarantined:
        output.say("It is kept and can be downloaded, but nothing here loads it. To log a model in")
        output.say("a format that only holds data: trueup explain model-quarantined")
        output.blank()
    inputs = [
        (c.name, c.kind, "may be missing" if c.nullable else "") for c in manifest.signature.inputs
    ]
    if inputs:
        output.table(("input", "kind", ""), inputs)
    else:
        output.say(
            "It has no signature: log the model with input_example=..., or state its inputs."
        )
    if verdicts:
        output.blank()
        rows = [
            (f"verdict:{v.id}", output.state(v.statement.outcome), v.given_at, v.given_by)
            for v in verdicts
        ]
        output.table(("verdict", "outcome", "given at", "by"), rows)
        output.next_step(f"trueup why {shlex.quote(version.ref)}")
    else:
        output.next_step(_judging(version))


@command.command("history", example="trueup model history lumps")
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option(
    "--as-of",
    default="",
    metavar="DAY",
    help="Where aliases and stages stood then: 2026-05-03 (its end) or a moment, in UTC.",
)
@output.json_option
def history(reference: str, as_of: str, as_json: bool) -> None:
    """Show all versions of a model and every move of its aliases, or what happened to one version.

    With --as-of it says which version was champion, or in Production, on that day.
    """
    from trueup.state import eventlog

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.owner
        moves = workspace.aliases.history(actor, wanted.name, as_of)
        if as_of:
            if as_json:
                output.emit_json(moves)
            else:
                model_alias.show_history(moves, asked=True)
                output.next_step(f"trueup model history {shlex.quote(wanted.name)}")
            return
        version = workspace.models.show(actor, wanted.name, wanted.selector)
        versions = workspace.models.versions(actor, wanted.name)
        aliases = workspace.models.aliases(actor, wanted.name)
        with workspace.state.read(actor) as connection:
            events = eventlog.about(connection, version.ref)
    if as_json:
        output.emit_json(events if wanted.selector else versions)
        return
    if wanted.selector:
        rows = [(e.at, e.type, e.actor, e.why) for e in events]
        output.table(("at", "event", "by", "why"), rows)
        output.next_step(f"trueup why {shlex.quote(version.ref)}")
        return
    listed = [
        (
            v.ref,
            ", ".join(a for a, n in aliases.items() if n == v.version),
            f"run:{v.manifest.run}" if v.manifest.run else v.manifest.foreign_source,
            short(v.digest),
            v.registered_at,
            v.registered_by,
        )
        for v in versions
    ]
    output.table(("version", "aliases", "made by", "digest", "registered at", "by"), listed)
    model_alias.show_history(moves, asked=False)
    output.next_step(f"trueup model show {shlex.quote(versions[0].ref)}")


def _judging(version: ModelVersion) -> str:
    """The command by which a version gets a verdict, or that says why it gets none."""
    from trueup.lifecycle.models.usable import check_usable

    try:
        check_usable(version)
    except TrueupError as refusal:
        return refusal.hint
    rows = "" if version.manifest.foreign is None else " --data data:NAME@VERSION"
    return f"trueup check {shlex.quote(version.ref)}{rows}"


def _origin(manifest: Manifest) -> dict[str, str]:
    """Who made a version: a pipeline, or a client that registered files."""
    if manifest.foreign is None:
        return {"made by": f"run:{manifest.run} of pipeline {manifest.pipeline}"}
    size = sum(file.size for file in manifest.foreign.files)
    return {
        "from": manifest.foreign_source,
        "run": manifest.run,
        "files": f"{len(manifest.foreign.files)} ({size:,} bytes)",
    }


def _named(model: str, aliases: dict[str, int]) -> str:
    return ", ".join(f"{alias} = {model}@{number}" for alias, number in aliases.items())
