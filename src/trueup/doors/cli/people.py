"""`trueup people`: who belongs to the project. The plan's [team] says who."""

from __future__ import annotations

import click

from trueup.doors.cli import output
from trueup.doors.cli.grammar import Group
from trueup.people.rules import permitted


@click.group(cls=Group)
def command() -> None:
    """Who may do what."""


@command.command("list", example="trueup people list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all people, their roles, and what these allow."""
    with output.here() as workspace:
        everybody = workspace.people.everybody(workspace.owner)
    if as_json:
        output.emit_json(
            [{"person": person, "may": sorted(permitted(person.roles))} for person in everybody]
        )
        return
    rows = []
    for person in everybody:
        may = (
            "everything" if "owner" in person.roles else ", ".join(sorted(permitted(person.roles)))
        )
        rows.append((person.name, ", ".join(person.roles), may))
    output.table(("name", "roles", "may"), rows)
    output.say("\nThe \\[team] of trueup.toml says who belongs to the project.")
    output.next_step("trueup plan adopt")
