"""`trueup feature`: definitions of features, versioned like data."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.digests import PREFIX, short
from trueup.rendering import words


@click.group(cls=Group)
def command() -> None:
    """Feature definitions and their versions."""


@command.command("list", example="trueup feature list")
@output.json_option
def list_(as_json: bool) -> None:
    """List the newest version of every definition."""
    with output.here() as workspace:
        found = workspace.features.newest(workspace.owner)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say('No step defines features yet: mark one with @step(features="NAME").')
        output.next_step("trueup run")
        return
    output.table(
        ("features", "columns", "step", "digest", "defined at", "by"),
        [
            (
                v.ref,
                len(v.definition.columns),
                v.definition.step,
                short(v.digest),
                v.defined_at,
                v.defined_by,
            )
            for v in found
        ],
    )
    output.next_step(f"trueup feature show {found[0].ref}")


@command.command("show", example="trueup feature show feature:flights@1")
@click.argument("reference", metavar="NAME[@VERSION]")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one version: columns, step, code and inputs."""
    wanted = of_kind(reference, "feature")
    with output.here() as workspace:
        found = workspace.features.show(workspace.owner, wanted.name, wanted.selector)
    if as_json:
        output.emit_json(found)
        return
    definition = found.definition
    output.heading(found.ref, definition.description.partition("\n")[0])
    output.facts(
        {
            "step": definition.step,
            "code": definition.code,
            "digest": found.digest,
            "run": f"run:{found.run}",
            "defined": f"{words.moment(found.defined_at)} by {found.defined_by}",
        }
    )
    output.blank()
    output.table(("column", "type"), definition.columns.items())
    if definition.inputs:
        output.blank()
        output.table(("input", "from"), definition.inputs.items())
    output.next_step(f"trueup why {found.ref}")


@command.command("diff", example="trueup feature diff flights@1 flights@2")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@output.json_option
def diff(before: str, after: str, as_json: bool) -> None:
    """Compare two definitions: columns, inputs, code."""
    from trueup.lifecycle.runs.features import rules

    first, second = (of_kind(text, "feature") for text in (before, after))
    with output.here() as workspace:
        old = workspace.features.show(workspace.owner, first.name, first.selector)
        new = workspace.features.show(workspace.owner, second.name, second.selector)
    changes = rules.changes(old.definition, new.definition)
    if as_json:
        output.emit_json({"before": old.ref, "after": new.ref, "changes": changes})
        return
    output.heading(f"{old.ref} → {new.ref}")
    if changes:
        rows = [(change.part, _cut(change.before), _cut(change.after)) for change in changes]
        output.table(("part", "before", "after"), rows)
    else:
        output.show("nothing differs")
    output.next_step(f"trueup why {new.ref}")


def _cut(value: str) -> str:
    return short(value) if value.startswith(PREFIX) else value
