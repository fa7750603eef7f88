"""`trueup package`: a model version as an OCI image layout and as a folder that runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import UsageError
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from trueup.app.packaging.records import Packaged


@click.command(cls=Command, example="trueup package lumps@1 --without-wheels --output lumps-1")
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option("--output", "to", default="", metavar="DIR", help="Folder to make; MODEL-VERSION.")
@click.option("--base", default="", metavar="LAYOUT[:NAME]", help="Image to stand on, on disk.")
@click.option("--wheels", default="", metavar="DIR", help="Folder with the wheels that it needs.")
@click.option("--without-wheels", is_flag=True, help="List what it needs instead.")
@click.option("--unproven", default=None, metavar="REASON", help="Without a PASSED verdict, why.")
@click.option("--dry-run", is_flag=True, help="Say what would be inside, and write nothing.")
@output.as_option
@output.json_option
def command(
    reference: str,
    to: str,
    base: str,
    wheels: str,
    without_wheels: bool,
    unproven: str | None,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Package a version to run elsewhere: `DIR/image`, an OCI layout, and `DIR/app`, a folder.

    The same version makes the same bytes. A bill of materials and the signed verdict refer to the
    image. No Docker daemon is needed.
    """
    from trueup.app.packaging.making import Wish, check_reason, make

    if bool(wheels) == without_wheels:
        raise UsageError(
            "package-wheels",
            "A package holds the wheels that it needs, or lists them: say which.",
            hint="trueup package NAME --without-wheels   (or: --wheels DIR)",
        )
    if unproven is not None:
        check_reason(unproven)
    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        version = workspace.models.show(actor, wanted.name, wanted.selector)
        wish = Wish(
            output=to or f"{version.model}-{version.version}",
            base=base,
            wheels=wheels,
            unproven=unproven or "",
            is_trial=dry_run,
        )
        made = make(workspace, actor, version.model, str(version.version), wish)
    if as_json:
        output.emit_json(made)
        return
    _show(made)


def _show(made: Packaged) -> None:
    output.heading(made.output if made.image else f"{made.output} would hold", made.model)
    output.table(
        ("layer", "size", "unpacked", "files", "digest"),
        [
            (one.name, size(one.bytes), size(one.unpacked), one.files, one.digest[:19])
            for one in made.layers
        ],
    )
    output.facts(
        {
            "image": made.image,
            "stands on": made.base or "nothing: --base LAYOUT gives it a system and Python",
            "refer to it": made.referrers,
            "to be installed": plural(len(made.requirements), "package")
            if made.requirements
            else None,
            "unproven": made.unproven,
        }
    )
    place = shlex.quote(made.output)
    if not made.image:
        output.next_step(f"trueup package {made.model} --without-wheels")
        return
    output.say("\nRun it:  python {}/app --port 8080", place)
    output.say("Read it: skopeo inspect oci:{}/image:{}", place, made.name)
    output.next_step(f"trueup why {made.model}")
