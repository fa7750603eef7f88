"""`trueup demo`: the whole life of a model on real flights."""

from __future__ import annotations

import math
from pathlib import Path

import click
from rich.console import Console

from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.output import emit_json, json_option


@click.command(cls=Command, example="trueup demo --quick")
@click.argument("folder", default="trueup-demo", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="A tenth of the planes.")
@click.option(
    "--traffic",
    type=click.FloatRange(0.001, 1),  # less would be no plane at all
    help="Share of the planes whose flights are replayed, from 0.001 to 1.",
)
@click.option(
    "--months",
    type=click.IntRange(1, 9),
    default=9,
    show_default=True,
    help="Stop after so many months of traffic, from April 2013.",
)
@json_option
def command(folder: Path, quick: bool, traffic: float | None, months: int, as_json: bool) -> None:
    """Carry nine months of real flights through the whole life of a model."""
    from trueup.app.demo.journey import travel
    from trueup.doors.cli.demo.report import report

    share = traffic if traffic is not None else (0.1 if quick else 1.0)
    if math.isnan(share):  # neither too small nor too large for click
        raise click.BadParameter("nan is no share.", param_hint="'--traffic'")
    summary = travel(folder, share, months, Console(stderr=True, highlight=False))
    if as_json:
        emit_json(summary)
    else:
        report(summary, folder, Console(highlight=False))
