"""`trueup score attest`: a person says what was tested by hand; half a point until a day."""

from __future__ import annotations

from datetime import date

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import UsageError


@click.command(
    cls=Command,
    example='trueup score attest lumps M7 --reason "Read 200 answers" --until 2027-02-20',
)
@click.argument("model")
@click.argument("test")
@click.option("--reason", default="", metavar="TEXT", help="What was tested, and where it is kept.")
@click.option("--until", default="", metavar="DAY", help="The last day on which it counts.")
@click.option("--withdraw", is_flag=True, help="Take back what stands about this test.")
@output.as_option
@output.json_option
def command(
    model: str,
    test: str,
    reason: str,
    until: str,
    withdraw: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Say that a test of the score was made by hand: signed, for a year at most.

    It gives half a point where no evidence gives a whole one, and shows who said so.
    """
    name = of_kind(model, "model").name
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        if withdraw:
            gone = workspace.attestations.withdraw(actor, name, test, reason)
        else:
            given = workspace.attestations.give(actor, name, test, reason, _day(until))
    if as_json:
        output.emit_json(gone if withdraw else given)
        return
    if withdraw:
        output.say("{} of {} is attested by nobody any more.", gone[0].claim.test, name)
    else:
        claim = given.claim
        line = output.state("attested")
        line.append(f"  {claim.test} of {name} by {claim.given_by} until {claim.until}", "not dim")
        output.show(line)
    output.next_step(f"trueup score {name}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            "attestation-until",
            f"An attestation needs its last day, and '{text[:40]}' is none."
            if text
            else "An attestation needs its last day.",
            hint="--until 2027-02-20",
        ) from None
