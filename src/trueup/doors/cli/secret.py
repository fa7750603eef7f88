"""`trueup secret`: values that steps may read, kept beside the state and shown nowhere."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import hidden, output
from trueup.doors.cli.terminal.grammar import Group


@click.group(cls=Group)
def command() -> None:
    """Secrets that steps may read, by name."""


@command.command("set", example="trueup secret set API_TOKEN")
@click.argument("name")
@output.as_option
@output.json_option
def set_(name: str, speaker: str, as_json: bool) -> None:
    """Keep the value of a secret, from standard input or a hidden prompt."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        workspace.secrets.keep(actor, name, hidden.value_of(name))
    if as_json:
        output.emit_json({"name": name})
        return
    output.say("Secret {} is kept; a step reads it by its name and nothing else holds it.", name)
    output.next_step("trueup secret list", "trueup run")


@command.command("list", example="trueup secret list")
@output.json_option
def list_(as_json: bool) -> None:
    """List the secrets that have a value here; never the values."""
    with output.here() as workspace:
        found = workspace.secrets.known(workspace.owner)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("No secret has a value here.")
        output.next_step("trueup secret set API_TOKEN")
        return
    output.table(("secret", "from"), [(one.name, one.origin) for one in found])
    output.next_step(f"trueup secret set {found[0].name}")


@command.command("remove", example="trueup secret remove API_TOKEN")
@click.argument("name")
@output.as_option
@output.json_option
def remove(name: str, speaker: str, as_json: bool) -> None:
    """Forget the value that was kept for a secret."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        workspace.secrets.remove(actor, name)
    if as_json:
        output.emit_json({"name": name})
        return
    output.say("The value of secret {} is gone.", name)
    output.next_step("trueup secret list")
