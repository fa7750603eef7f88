"""`trueup check`: the gate, as a command that a pipeline of any kind can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.check import findings
from trueup.doors.cli.terminal import output, sources
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import GateFailedError, UsageError
from trueup.foundation.text import plural, seconds

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.gates.ground import GivenRows
    from trueup.lifecycle.gates.records import Verdict
    from trueup.lifecycle.plan.demands import GateName


@click.command(cls=Command, example="trueup check lumps@1")
@click.argument("reference", metavar="MODEL@VERSION")
@click.option(
    "--data",
    default="",
    metavar="FILE|data:NAME@VERSION",
    help="Labelled rows for a version that a client registered and that has none of its own.",
)
@click.option("--label", default="", metavar="COLUMN", help="The label among them.")
@click.option(
    "--trained-on",
    default="",
    metavar="FILE|data:NAME@VERSION",
    help="The rows that it learned from, if they are known: none may be among the others.",
)
@click.option(
    "--gate",
    type=click.Choice(["candidate", "staging", "production"]),
    default="production",
    show_default=True,
    help="Whose demands are checked: goals may name the gates that they hold for.",
)
@click.option("--vsa", default="", metavar="FILE", help="Write a signed SLSA verification summary.")
@click.option("--junit", default="", metavar="FILE", help="Write the checks as JUnit XML.")
@click.option("--html", default="", metavar="FILE", help="Write a self-contained report.")
@output.as_option
@output.json_option
def command(
    reference: str,
    data: str,
    label: str,
    trained_on: str,
    gate: GateName,
    vsa: str,
    junit: str,
    html: str,
    speaker: str,
    as_json: bool,
) -> int:
    """Judge a model version by the plan's gates, and sign the verdict.

    MODEL alone means its newest version. The exit code is 0 when every check passed and 6 when
    one did not. The same evidence gives the verdict there is.

    A version of a pipeline is judged on the rows that the pipeline set aside. One that a client of
    MLflow registered is judged on the rows of --data, and again on these when none are named.
    """
    from trueup.doors.cli.check.progress import Checking
    from trueup.foundation.records import encode
    from trueup.lifecycle.gates.records import HOLDOUT
    from trueup.lifecycle.gates.standing import failing

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        given = _given(workspace, actor, data, label, trained_on)
        with Checking() as checking:
            verdict = workspace.gates.judge(
                actor, wanted.name, wanted.selector, given, gate, checking.tell
            )
        if vsa:
            signed = encode(workspace.gates.attest(actor, verdict.id)).decode()
            output.write_file(vsa, signed + "\n")
        _write_reports(workspace, actor, verdict, junit, html)
        plan = workspace.plans.current(actor)
        places = [
            name
            for name, deployment in plan.plan.deployments.items()
            if deployment.model.partition("@")[0] == wanted.name
        ]
    exit_code = 0 if verdict.passed else GateFailedError.exit_code
    if as_json:
        output.emit_json(verdict)
        return exit_code
    show(verdict)
    said = verdict.statement
    rows = "" if said.rows == HOLDOUT else f" on {said.rows}"
    output.say("\nJudged by plan {}{} in {}.", plan.version, rows, seconds(verdict.seconds))
    if verdict.passed:
        place = places[0] if places else "DEPLOYMENT"
        output.next_step(f"trueup release propose {said.model_ref} --to {place}")
    else:
        names = plural(len(failing(verdict)), "check")
        output.say("{} kept {} from passing; it cannot be released.", names, said.model_ref)
        output.next_step(f"trueup why {said.model_ref}", "trueup plan show")
    return exit_code


def _given(
    workspace: Workspace, actor: Actor, data: str, label: str, trained_on: str
) -> GivenRows | None:
    """The rows that the options name."""
    from trueup.lifecycle.gates.ground import GivenRows

    if not data:
        if label or trained_on:
            raise UsageError(
                "options-contradict",
                "--label and --trained-on say something about the rows of --data, and there are "
                "none.",
                hint="trueup check MODEL@VERSION --data data:NAME@VERSION",
            )
        return None
    rows, named = sources.rows(workspace, actor, data)
    seen = sources.rows(workspace, actor, trained_on)[0] if trained_on else None
    return GivenRows(rows, named, label, seen)


def _write_reports(
    workspace: Workspace, actor: Actor, verdict: Verdict, junit: str, html: str
) -> None:
    from trueup.app.ci import reports
    from trueup.rendering import junit as as_junit

    said = verdict.statement
    if junit:
        title = f"gate of {said.model_ref}"
        output.write_file(junit, as_junit.xml(title, reports.cases(verdict), verdict.given_at))
    if html:
        model, _, version = said.model_ref.partition("@")
        compared = reports.compare(workspace, actor, model, version, "")
        output.write_file(html, reports.page(verdict, compared))


def show(verdict: Verdict) -> None:
    """Print a verdict: the outcome and every check."""
    said = verdict.statement
    title = output.state(said.outcome)
    title.append(f"  {said.model_ref}  verdict:{verdict.id}", style="not dim")
    output.show(title)
    output.blank()
    findings.table(said.results)
    for waiver in said.waivers:
        output.say("\n{}", waiver)
