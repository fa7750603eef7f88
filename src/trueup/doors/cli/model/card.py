"""`trueup model card` and `trueup model bom`: what is known about a version."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command

if TYPE_CHECKING:
    from trueup.app.cards.records import Card
    from trueup.app.cards.writing import Format

_LARGEST = 16 << 20


@click.command("card", cls=Command, example="trueup model card lumps@champion --output CARD.md")
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "json"]), default="md", help="Its form."
)
@click.option("--output", "to", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--check",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Hold a kept card against the evidence; a stale one fails.",
)
@output.json_option
def card(reference: str, form: str, to: Path | None, check: Path | None, as_json: bool) -> None:
    """Write the model card of a version, from evidence alone."""
    from trueup.app.cards import writing

    found = _gathered(reference)
    if check is not None:
        _check(found, check, as_json)
        return
    words = writing.text(found, "json" if as_json else cast("Format", form))
    _write(words, to)
    if to is not None:
        output.next_step(
            f"trueup model card {shlex.quote(found.ref)} --check {shlex.quote(str(to))}"
        )


@click.command("bom", cls=Command, example="trueup model bom lumps@champion --output bom.json")
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option("--output", "to", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@output.json_option
def bom(reference: str, to: Path | None, as_json: bool) -> None:
    """Write the bill of materials of a version: CycloneDX 1.6 as JSON."""
    import msgspec

    from trueup.app.cards.bom import bill

    found = _gathered(reference)
    raw = msgspec.json.encode(bill(found))
    _write(msgspec.json.format(raw, indent=2).decode() + "\n", to)
    if to is not None:
        output.next_step(f"trueup model card {shlex.quote(found.ref)}")


def _gathered(reference: str) -> Card:
    from trueup.app.cards.gathering import gather

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        return gather(workspace, workspace.owner, wanted.name, wanted.selector)


def _check(found: Card, kept: Path, as_json: bool) -> None:
    from trueup.app.cards import writing
    from trueup.foundation.errors import GateFailedError

    with kept.open("rb") as file:
        words = file.read(_LARGEST).decode(errors="replace")
    wrong = writing.difference(found, words)
    if wrong:
        raise GateFailedError(
            "card-stale",
            f"The card {kept} does not say what the evidence says of {found.ref}: {wrong}.",
            hint=f"trueup model card {shlex.quote(found.ref)} --output {shlex.quote(str(kept))}",
        )
    if as_json:
        output.emit_json({"model": found.ref, "digest": found.address, "holds": True})
        return
    output.say("The card says what the evidence says.")
    output.next_step(f"trueup why {shlex.quote(found.ref)}")


def _write(words: str, to: Path | None) -> None:
    if to is None:
        click.echo(words, nl=False)
        return
    to.write_text(words, encoding="utf-8")
    output.say("Written to {}.", str(to))
