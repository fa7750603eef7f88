"""`trueup model signature`: what a version takes, said by example rows."""

from __future__ import annotations

import shlex

import click

from trueup.doors.cli.terminal import output, sources
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import UsageError
from trueup.foundation.text import listing


@click.command(cls=Command, example="trueup model signature lumps@1 --from-example data/lumps.csv")
@click.argument("reference", metavar="MODEL@VERSION")
@click.option(
    "--from-example",
    "example",
    required=True,
    metavar="FILE|data:NAME@VERSION",
    help="Rows of the inputs of the model, in its order.",
)
@click.option("--label", default="", metavar="COLUMN", help="A column among them that is no input.")
@output.as_option
@output.json_option
def command(reference: str, example: str, label: str, speaker: str, as_json: bool) -> None:
    """State which columns a version takes that a client registered without a signature.

    A version never changes, so this makes the next version of the same files, with a signature.
    """
    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        rows, named = sources.rows(workspace, actor, example)
        if label and label not in rows.columns:
            raise UsageError(
                "label-missing",
                f"{named} has no column '{label}'; it has {listing(rows.columns[:8])}.",
                hint=f"trueup model signature {reference} --from-example {named}",
            )
        inputs = rows.drop(label) if label else rows
        made = workspace.versions.sign(actor, wanted.name, wanted.selector, inputs)
        columns = workspace.models.show(actor, made.model, str(made.version)).manifest.signature
    if as_json:
        output.emit_json({"version": made, "signature": columns})
        return
    output.show(f"{made.ref}  {made.description}")
    output.table(("input", "kind"), [(each.name, each.kind) for each in columns.inputs])
    output.next_step(f"trueup check {shlex.quote(made.ref)} --data data:NAME@VERSION")
