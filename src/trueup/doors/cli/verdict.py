"""`trueup verdict`: what gates said of model versions, to look at, to prove and to pass on."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.errors import GateFailedError
from trueup.foundation.text import listing


@click.group(cls=Group)
def command() -> None:
    """What gates said of model versions: look at it, prove it, pass it on."""


@command.command("list", example="trueup verdict list lumps@1")
@click.argument("reference", metavar="MODEL[@VERSION]")
@output.json_option
def list_(reference: str, as_json: bool) -> None:
    """List the verdicts about a model version, newest first."""
    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as("")
        version = workspace.models.show(actor, wanted.name, wanted.selector)
        found = workspace.gates.of_model(actor, version.ref)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("{} was not judged yet.", version.ref)
        output.next_step(f"trueup check {version.ref}")
        return
    output.table(
        ("verdict", "outcome", "gate", "checks", "waived", "given", "by"),
        [
            (
                verdict.id,
                output.state(verdict.statement.outcome),
                verdict.statement.gate,
                len(verdict.statement.results),
                len(verdict.statement.waivers) or None,
                f"{verdict.given_at:%Y-%m-%d %H:%M}",
                verdict.given_by,
            )
            for verdict in found
        ],
    )
    output.next_step(f"trueup verdict show {found[0].id}")


@command.command("show", example="trueup verdict show v7k3f9qd")
@click.argument("verdict")
@output.json_option
def show(verdict: str, as_json: bool) -> None:
    """Show a verdict: every check, and what it rests on."""
    from trueup.doors.cli.check.version import show as show_checks

    wanted = of_kind(verdict, "verdict")
    with output.here() as workspace:
        found = workspace.gates.show(workspace.speaking_as(""), wanted.name)
    if as_json:
        output.emit_json(found)
        return
    said = found.statement
    show_checks(found)
    output.blank()
    output.facts(
        {
            "gate": said.gate,
            "model": said.model,
            "plan": said.plan,
            "rows": f"{said.rows} {said.data}",
            "trained on": said.trained_on,
            "champion": said.champion,
            "environment": said.environment,
            "digest": found.digest,
            "signed by key": found.key,
        }
    )
    output.next_step(f"trueup verdict replay {found.id}", f"trueup why verdict:{found.id}")


@command.command("replay", example="trueup verdict replay v7k3f9qd")
@click.argument("verdict")
@output.json_option
def replay(verdict: str, as_json: bool) -> int:
    """Reach a verdict again from the digests it names, and compare bytes.

    The exit code is 0 when both are the same and 6 when they differ. What took time is not measured
    again: those findings are taken over as they were recorded.
    """
    wanted = of_kind(verdict, "verdict")
    with output.here() as workspace:
        found = workspace.gates.replay(workspace.speaking_as(""), wanted.name)
    exit_code = 0 if found.same else GateFailedError.exit_code
    if as_json:
        output.emit_json(found)
        return exit_code
    output.heading("the same bytes" if found.same else "something else", f"verdict:{found.verdict}")
    output.facts(
        {
            "as signed": found.digest,
            "reached now": found.again,
            "found otherwise": listing(found.differing),
            "taken over": listing(found.taken_over),
        }
    )
    output.next_step(f"trueup verdict show {found.verdict}")
    return exit_code


@command.command("export", example="trueup verdict export v7k3f9qd verdict.vsa.json")
@click.argument("verdict")
@click.argument("file", default="")
@output.json_option
def export(verdict: str, file: str, as_json: bool) -> None:
    """Write a verdict as a SLSA verification summary, signed in a DSSE envelope.

    Without FILE it goes to standard output. Its subject is the model's file, by SHA-256.
    """
    wanted = of_kind(verdict, "verdict")
    with output.here() as workspace:
        found = workspace.gates.attest(workspace.speaking_as(""), wanted.name)
    if as_json or not file:
        output.emit_json(found)
        return
    from trueup.foundation.records import encode

    output.write_file(file, encode(found).decode() + "\n")
    output.next_step(f"trueup verdict show {wanted.name}")
