"""`trueup checkout`: what a model version was made of, back in a work tree."""

from __future__ import annotations

from pathlib import Path

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command


@click.command(cls=Command, example="trueup checkout lumps@1 --into ../lumps-1")
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A new folder; beside the project without it.",
)
@click.option("--here", is_flag=True, help="Into this project's folder, which must be clean.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@output.as_option
@output.json_option
def command(
    reference: str, into: Path | None, here: bool, dry_run: bool, speaker: str, as_json: bool
) -> None:
    """Restore what a model version was made of: code, data, parameters, packages.

    Nothing that is not kept elsewhere is overwritten. The last line undoes it.
    """
    from trueup.app.reproduction.restoring import restore

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        version = workspace.models.show(actor, wanted.name, wanted.selector)
        found = restore(workspace, actor, version, into=into, here=here, dry_run=dry_run)
    if as_json:
        output.emit_json(found)
        return
    output.heading(found.version, "" if found.done else "nothing is done yet")
    output.facts(
        {
            "folder": found.folder,
            "code": f"commit {found.commit[:12]}"
            + (" with what was not committed" if found.changed else ""),
            "data": ", ".join(found.data),
            "parameters": found.parameters,
            "packages": found.requirements,
            "to undo": found.undo,
        }
    )
    if dry_run:
        output.next_step(f"trueup checkout {found.version}" + (" --here" if here else ""))
    else:
        output.next_step(*([] if here else [f"cd '{found.folder}'"]), found.run)
