"""`trueup reproduce`: make a run again from its record alone; did it come out the same?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import BackendError, GateFailedError
from trueup.foundation.text import plural, seconds
from trueup.lifecycle.runs.reproductions.records import EnvironmentMode, Outcome, Reproduction

_SHOWN: Final[dict[Outcome, str]] = {
    "identical": "identical: every result is equal byte by byte",
    "equal-within-tolerance": "equal within the tolerance",
    "different": "different",
    "impossible": "it could not be made again",
}
_EXIT_CODES: Final[dict[Outcome, int]] = {
    "identical": 0,
    "equal-within-tolerance": 0,
    "different": GateFailedError.exit_code,
    "impossible": BackendError.exit_code,
}
_LINES: Final = 20


@click.command(cls=Command, example="trueup reproduce run:7k3f9qd2 --tolerance 1e-9")
@click.argument("reference", metavar="RUN")
@click.option(
    "--tolerance",
    default=0.0,
    type=click.FloatRange(min=0.0),
    help="Largest relative difference of numbers that counts as equal.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Build it in this new folder and leave it there.",
)
@click.option(
    "--environment",
    type=click.Choice(["check", "install", "ignore"]),
    default="check",
    show_default=True,
    help="Say how packages differ, install those of the run, or neither.",
)
@output.as_option
@output.json_option
def command(
    reference: str,
    tolerance: float,
    keep: Path | None,
    environment: EnvironmentMode,
    speaker: str,
    as_json: bool,
) -> int:
    """Make a run again from its record alone, and compare every result.

    Code, data and parameters are rebuilt in a folder of their own and run without a cache. Ends
    with 0 when the results are equal, 6 when they differ, 8 when something needed is gone.
    """
    from trueup.app.reproduction.reproducing import reproduce

    wanted = of_kind(reference, "run")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        made = reproduce(
            workspace,
            actor,
            wanted.name,
            tolerance=tolerance,
            keep=keep.resolve() if keep else None,
            environment=environment,
            tell=lambda words: output.say("[dim]{} …[/]", words),
        )
    if as_json:
        output.emit_json(made)
        return _EXIT_CODES[made.outcome]
    _print(made, str(wanted))
    _end(made, str(wanted))
    return 0


def lines(made: Reproduction) -> list[str]:
    """The verdict of a reproduction, and what it rests on, one sentence a line."""
    found = [f"{_SHOWN[made.outcome]} ({plural(made.steps, 'step')}, {seconds(made.seconds)})"]
    found += made.missing
    found += [str(each) for each in made.differences[:_LINES]]
    if len(made.differences) > _LINES:
        found.append(f"and {len(made.differences) - _LINES} more differences")
    return found


def _print(made: Reproduction, reference: str) -> None:
    output.heading(reference, "made again")
    for line in lines(made):
        output.show(f"  {line}")
    if made.packages:
        output.say("\nThe packages differ from those of the run:")
        for line in made.packages[:_LINES]:
            output.say("  {}", line)
        if len(made.packages) > _LINES:
            output.say("  and {} more", len(made.packages) - _LINES)
    if made.folder:
        output.say("\nIt stays in {}.", made.folder)
    output.next_step(f"trueup runs show {reference}")


def _end(made: Reproduction, reference: str) -> None:
    if made.outcome == "different":
        raise GateFailedError(
            "reproduction-different",
            f"{reference} came out otherwise: {made.differences[0]}.",
            hint=f"trueup runs show {reference}",
        )
    if made.outcome == "impossible":
        raise BackendError(
            "reproduction-impossible",
            f"{reference} could not be made again: {made.missing[0].rstrip('.')}.",
            hint=f"trueup runs show {reference}",
        )
