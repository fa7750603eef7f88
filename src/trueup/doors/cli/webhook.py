"""`trueup webhook`: addresses that are told of changes of the registry, and how they stand."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import hidden, output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.errors import BackendError
from trueup.rendering import words


@click.group(cls=Group)
def command() -> None:
    """Addresses that are told of new models, versions, aliases, tags and prompts.

    `trueup up` tells them, in the order in which things happened: what fails is tried again for
    three days.
    """


@command.command(
    "add", example="trueup webhook add ci https://ci.example.org/hook --event model_version.created"
)
@click.argument("name")
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    required=True,
    metavar="EVENT",
    help="What it is told of, such as model_version.created; may be repeated.",
)
@click.option("--description", default="", help="Words about it.")
@click.option(
    "--signed",
    is_flag=True,
    help="Sign what it is told with a secret, from standard input or a hidden prompt.",
)
@output.as_option
@output.json_option
def add(
    name: str,
    url: str,
    events: tuple[str, ...],
    description: str,
    signed: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Tell an address of what happens from now on."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        secret = hidden.value_of(f"the web hook {name}") if signed else ""
        made = workspace.webhooks.add(
            actor, name, url, events, description=description, secret=secret
        )
    if as_json:
        output.emit_json(made)
        return
    output.say("Web hook {} is told of {}.", made.id, ", ".join(made.events))
    output.next_step(f"trueup webhook test {made.id}", "trueup up")


@command.command("list", example="trueup webhook list")
@output.json_option
def list_(as_json: bool) -> None:
    """List web hooks: what waits for them, and why the last attempt failed."""
    with output.here() as workspace:
        found, _ = workspace.webhooks.known(workspace.owner)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("No web hook is told anything.")
        output.next_step("trueup webhook add --help")
        return
    rows = [
        (
            each.id,
            each.name,
            each.state,
            each.waiting,
            each.failures,
            each.last_error or words.NOTHING,
        )
        for each in found
    ]
    output.table(("web hook", "name", "state", "waiting", "failures", "last error"), rows)
    output.next_step(f"trueup webhook test {found[0].id}")


@command.command("test", example="trueup webhook test 6f0c1d0e-6f0c-4f0c-8f0c-6f0c1d0e2b3a")
@click.argument("webhook_id", metavar="ID")
@click.option("--event", default="", help="What to tell it of; by default the first of its own.")
@output.as_option
@output.json_option
def test(webhook_id: str, event: str, speaker: str, as_json: bool) -> None:
    """Tell a web hook a made-up event now, and show how it answers."""
    with output.here() as workspace:
        answer = workspace.webhooks.test(workspace.speaking_as(speaker), webhook_id, event)
    if answer.error:
        raise BackendError(
            "webhook-untold",
            f"The web hook was told nothing: {answer.error}",
            hint="trueup webhook list",
            context={"status": answer.status, "body": answer.body},
        )
    if as_json:
        output.emit_json(answer)
        return
    output.say("It answered {}.", answer.status)
    output.next_step("trueup webhook list")


@command.command("remove", example="trueup webhook remove 6f0c1d0e-6f0c-4f0c-8f0c-6f0c1d0e2b3a")
@click.argument("webhook_id", metavar="ID")
@output.as_option
@output.json_option
def remove(webhook_id: str, speaker: str, as_json: bool) -> None:
    """Tell an address nothing any more, and forget what it was still to be told."""
    with output.here() as workspace:
        workspace.webhooks.remove(workspace.speaking_as(speaker), webhook_id)
    if as_json:
        output.emit_json({"id": webhook_id})
        return
    output.say("Web hook {} is told nothing any more.", webhook_id)
    output.next_step("trueup webhook list")
