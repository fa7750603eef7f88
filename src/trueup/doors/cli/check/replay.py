"""`trueup check replay`: logged traffic, answered again by another version."""

from __future__ import annotations

import click

from trueup.doors.cli.check.deployed import told
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command

_SHARE = click.FloatRange(0, 1)


@click.command(cls=Command, example="trueup check replay clinic --against lumps@1 --flipped 0.05")
@click.argument("deployment", metavar="DEPLOYMENT")
@click.option("--against", required=True, metavar="MODEL@V", help="The version to compare with.")
@click.option(
    "--rows", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000), help="How many."
)
@click.option(
    "--tolerance",
    default=1e-9,
    show_default=True,
    type=click.FloatRange(0),
    help="A move of an answer by no more than this is none.",
)
@click.option("--moved", default=None, type=_SHARE, help="Largest share of rows that may move.")
@click.option("--flipped", default=None, type=_SHARE, help="Largest share of decisions that flip.")
@click.option("--threshold", default=0.5, show_default=True, help="Answers from here on mean yes.")
@click.option("--junit", default="", metavar="FILE", help="Write the parts as JUnit XML.")
@click.option("--html", default="", metavar="FILE", help="Write a self-contained report.")
@output.json_option
def command(
    deployment: str,
    against: str,
    rows: int,
    tolerance: float,
    moved: float | None,
    flipped: float | None,
    threshold: float,
    junit: str,
    html: str,
    as_json: bool,
) -> int:
    """Let a version answer what a deployment was asked, and compare the answers row by row.

    The newest rows of the prediction journal are taken. Nothing is sent to any server.
    """
    from trueup.lifecycle.serving.checking.replay import Replay

    place, wanted = of_kind(deployment, "deployment").name, of_kind(against, "model")
    asked = Replay(
        rows=rows, tolerance=tolerance, moved=moved, threshold=threshold, flipped=flipped
    )
    with output.here() as workspace:
        found = workspace.predictions.replay(
            workspace.owner, place, wanted.name, wanted.selector, asked
        )
    code = told(f"{against} on {place}", [found], junit, html, as_json=as_json)
    if not as_json:
        output.next_step(f"trueup check {against}")
    return code
