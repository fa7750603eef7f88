"""`trueup check model`: a model version on any rows, without a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output, sources
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import GateFailedError

if TYPE_CHECKING:
    from trueup.lifecycle.gates.ground import GivenRows


@click.command(
    cls=Command, example="trueup check model lumps@1 --data fresh.parquet --only answers"
)
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option(
    "--data",
    default="",
    metavar="FILE|data:NAME@VERSION",
    help="Labelled rows; those that its pipeline set aside without it.",
)
@click.option("--label", default="", metavar="COLUMN", help="The label among them.")
@click.option(
    "--trained-on",
    default="",
    metavar="FILE|data:NAME@VERSION",
    help="The rows that it learned from, if they are known.",
)
@click.option(
    "--only",
    "kinds",
    multiple=True,
    metavar="CHECK",
    help="A kind of check, such as answers; may be repeated. All that apply without it.",
)
@click.option("--junit", default="", metavar="FILE", help="Write the checks as JUnit XML.")
@click.option("--html", default="", metavar="FILE", help="Write a self-contained report.")
@output.as_option
@output.json_option
def command(
    reference: str,
    data: str,
    label: str,
    trained_on: str,
    kinds: tuple[str, ...],
    junit: str,
    html: str,
    speaker: str,
    as_json: bool,
) -> int:
    """Check a model version on any rows, to learn about it.

    The plan's settings hold where its goals demand such a check. No verdict is given: a release
    rests on `trueup check MODEL@VERSION`. The exit code is 0 when every check passed, else 6.
    """
    from trueup.doors.cli.check.findings import report, show
    from trueup.doors.cli.check.progress import Checking
    from trueup.lifecycle.gates import rules

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        version = workspace.models.show(actor, wanted.name, wanted.selector)
        given: GivenRows | None = None
        if data:
            from trueup.lifecycle.gates.ground import GivenRows

            rows, named = sources.rows(workspace, actor, data)
            seen = sources.rows(workspace, actor, trained_on)[0] if trained_on else None
            given = GivenRows(rows, named, label or version.manifest.label, seen)
        with Checking() as checking:
            found = workspace.gates.examine(
                actor, version.model, str(version.version), given, kinds, checking.tell
            )
    outcome = rules.outcome_of(found)
    report(f"Checks of {version.ref}", found, outcome, junit=junit, html=html)
    if as_json:
        output.emit_json(found)
    else:
        show(version.ref, found, outcome)
        output.next_step(f"trueup check {version.ref}")
    return 0 if outcome == "PASSED" else GateFailedError.exit_code
