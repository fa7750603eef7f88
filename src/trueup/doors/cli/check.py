"""`trueup check`: the gate, as a command that a pipeline of any kind can rely on."""

from __future__ import annotations

import click

from trueup.doors.cli import output
from trueup.doors.cli.addresses import of_kind
from trueup.doors.cli.grammar import Command
from trueup.foundation.errors import GateFailedError
from trueup.foundation.text import plural, seconds
from trueup.lifecycle.gates.records import CheckResult, Verdict
from trueup.lifecycle.gates.service import failing


@click.command(cls=Command, example="trueup check lumps@1")
@click.argument("reference", metavar="MODEL@VERSION")
@output.as_option
@output.json_option
def command(reference: str, speaker: str, as_json: bool) -> int:
    """Judge a model version by the plan's gates, and sign the verdict.

    MODEL alone means its newest version. The exit code is 0 when every check passed and 6 when
    one did not. The same evidence gives the verdict there is.
    """
    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        verdict = workspace.gates.judge(actor, wanted.name, wanted.selector)
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
