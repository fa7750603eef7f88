"""`trueup check`: the gate, as a command that a pipeline of any kind can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli import output
from trueup.doors.cli.addresses import of_kind
from trueup.doors.cli.grammar import Command
from trueup.foundation.errors import GateFailedError
from trueup.foundation.text import plural, seconds

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.gates.records import CheckResult, Verdict


@click.command(cls=Command, example="trueup check lumps@1")
@click.argument("reference", metavar="MODEL@VERSION")
@click.option("--junit", default="", metavar="FILE", help="Write the checks as JUnit XML.")
@click.option("--html", default="", metavar="FILE", help="Write a self-contained report.")
@output.as_option
@output.json_option
def command(reference: str, junit: str, html: str, speaker: str, as_json: bool) -> int:
    """Judge a model version by the plan's gates, and sign the verdict.

    MODEL alone means its newest version. The exit code is 0 when every check passed and 6 when
    one did not. The same evidence gives the verdict there is.
    """
    from trueup.lifecycle.gates.service import failing

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        verdict = workspace.gates.judge(actor, wanted.name, wanted.selector)
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
    output.say("\nJudged by plan {} in {}.", plan.version, seconds(verdict.seconds))
    if verdict.passed:
        place = places[0] if places else "DEPLOYMENT"
        output.next_step(f"trueup release {said.model_ref} --to {place}")
    else:
        names = plural(len(failing(verdict)), "check")
        output.say("{} kept {} from passing; it cannot be released.", names, said.model_ref)
        output.next_step(f"trueup why {said.model_ref}", "trueup plan show")
    return exit_code


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
    output.table(("check", "value", "bound", "limit", "rows", "outcome"), map(_row, said.results))
    output.blank()
    output.findings((result.outcome, result.words) for result in said.results)


def _row(result: CheckResult) -> tuple[object, ...]:
    name = f"{result.goal}.{result.check}" if result.goal else result.check
    outcome = output.state(result.outcome)
    return name, result.value, result.bound, result.limit, result.rows or None, outcome
