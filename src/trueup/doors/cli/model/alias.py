"""`trueup model alias`: names that move from version to version; protected ones need evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.lifecycle.models.aliases.records import History


@click.group(cls=Group)
def command() -> None:
    """Aliases of models, such as champion."""


@command.command("set", example="trueup model alias set lumps challenger 2")
@click.argument("model")
@click.argument("alias")
@click.argument("version", type=click.IntRange(1, 999_999_999))
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@output.as_option
@output.json_option
def set_(model: str, alias: str, version: int, why: str, speaker: str, as_json: bool) -> None:
    """Point an alias at a version.

    A protected alias moves only to a version with a passed verdict and the approval that the
    process demands; `trueup model alias ask` asks for it.
    """
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        workspace.aliases.set(actor, model, alias, version, why)
        aliases = workspace.models.aliases(actor, model)
    if as_json:
        output.emit_json({"model": model, "aliases": aliases})
        return
    output.say("{} is {} now.", f"{model}@{alias}", f"{model}@{version}")
    output.next_step(f"trueup model history {model}")


@command.command("delete", example="trueup model alias delete lumps challenger")
@click.argument("model")
@click.argument("alias")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@output.as_option
@output.json_option
def delete(model: str, alias: str, why: str, speaker: str, as_json: bool) -> None:
    """Take an alias away; a protected one stays."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        workspace.aliases.remove(actor, model, alias, why)
        aliases = workspace.models.aliases(actor, model)
    if as_json:
        output.emit_json({"model": model, "aliases": aliases})
        return
    output.say("Model {} has no alias {} any more.", model, alias)
    output.next_step(f"trueup model history {model}")


@command.command("ask", example="trueup model alias ask lumps champion 2")
@click.argument("model")
@click.argument("alias")
@click.argument("version", type=click.IntRange(1, 999_999_999))
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@output.as_option
@output.json_option
def ask(model: str, alias: str, version: int, why: str, speaker: str, as_json: bool) -> None:
    """Ask a second person whether a version may get a protected alias or stage.

    The version needs a passed verdict under the plan in force first.
    """
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        approval = workspace.releases.ask_for_alias(actor, model, alias, str(version), why)
    if as_json:
        output.emit_json(approval)
        return
    line = output.state(approval.state)
    line.append(f"  approval:{approval.id}  {model}@{version} as {alias}", style="not dim")
    output.show(line)
    if approval.state == "asked":
        output.next_step(f"trueup approve {approval.id} --as NAME")
    else:
        output.next_step(f"trueup model alias set {model} {alias} {version}")


def show_history(history: History, *, asked: bool) -> None:
    """Print where aliases and stages stood, when a moment was asked for, and how they got there."""
    standing = history.standing
    if asked:
        output.heading(standing.model, f"as of {words.moment(standing.at)}")
        stood = {alias: f"{standing.model}@{n}" for alias, n in standing.aliases.items()}
        for stage, numbers in standing.stages.items():
            stood[stage] = ", ".join(f"{standing.model}@{n}" for n in numbers)
        if stood:
            output.facts(stood)
        else:
            output.say("No alias and no stage pointed at a version then.")
    if history.moves:
        output.blank()
        rows = [
            (move.at, move.what, move.name, move.before or "", move.after or "", move.by, move.why)
            for move in history.moves
        ]
        output.table(("at", "what", "name", "from", "to", "by", "why"), rows)
