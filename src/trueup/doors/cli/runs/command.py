"""`trueup runs`: what ran, on what, with what result."""

from __future__ import annotations

import math
import shlex
import time
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from trueup.doors.cli import reproduce
from trueup.doors.cli.runs import comparing, forget, shipping, tracked
from trueup.doors.cli.runs import spool as run_spool
from trueup.doors.cli.runs import steps as run_steps
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.digests import short
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import builtins, encode
from trueup.foundation.text import seconds
from trueup.lifecycle.runs import logs as logs_of
from trueup.lifecycle.runs import rules
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.lifecycle.plan.records import Costs
    from trueup.lifecycle.runs.records import Run, RunDetail, StepAttempt
from trueup.lifecycle.runs.tracking.records import Experiment, TrackedRun

_ENDS_WITHIN_S = 10.0
_COLUMNS = ("run", "pipeline", "state", "parameters", "took", "started", "by")


@click.group(cls=Group)
def command() -> None:
    """Runs of pipelines."""


command.add_command(comparing.command)
command.add_command(forget.command, "forget")
command.add_command(run_spool.command)
command.add_command(shipping.command)


@command.command("list", example="trueup runs list --state failed")
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--experiment", default="", metavar="NAME", help="Only tracked runs of this one.")
@click.option(
    "--state",
    type=click.Choice(["running", "finished", "failed", "interrupted", "lost"]),
    help="Only runs in this state.",
)
@output.limit_option(20, most=1000)
@click.option("--after", default="", metavar="RUN", help="Go on behind this run.")
@output.json_option
def list_(
    pipeline: str, experiment: str, state: str | None, limit: int, after: str, as_json: bool
) -> None:
    """List runs, newest first: those of pipelines, then those that their own code reports."""
    from trueup.lifecycle.runs.records import RunPage

    start = of_kind(after, "run").name if after else ""
    with output.here() as workspace:
        actor = workspace.owner
        page = RunPage(runs=(), next="")
        if not experiment:
            page = workspace.runs.list(
                actor, pipeline=pipeline, state=state or "", limit=limit, after=start
            )
        found: list[TrackedRun] = []
        names: dict[int, str] = {}
        if not pipeline and not start:
            found, names = tracked.newest(workspace, experiment, state or "", limit)
    if as_json:
        output.emit_json({**builtins(page), "tracked": [_finite(builtins(run)) for run in found]})
        return
    if found:
        if page.runs:
            output.table(_COLUMNS, [_row(run) for run in page.runs])
            output.blank()
        tracked.show_list(found, names)
        output.next_step(f"trueup runs show {found[0].ref}")
        return
    if not page.runs:
        output.say("There is no such run." if pipeline or state else "Nothing ran yet.")
        output.next_step("trueup run")
        return
    output.table(_COLUMNS, [_row(run) for run in page.runs])
    more = [f"trueup runs list --after {page.next}"] if page.next else []
    output.next_step(f"trueup runs show {page.runs[0].ref}", *more)


@command.command("show", example="trueup runs show run:7k3f9qd2")
@click.argument("reference", metavar="RUN")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one run: its steps, its metrics, what it was made from, and why it ended."""
    from trueup.lifecycle.plan.service import surroundings

    wanted = of_kind(reference, "run")
    with output.here() as workspace:
        actor = workspace.owner
        try:
            detail = workspace.runs.show(actor, wanted.name)
        except NotFoundError as missing:
            try:
                own = workspace.tracking.show(actor, wanted.name)
            except (NotFoundError, UsageError):
                raise missing from None
            group = workspace.tracking.experiment(actor, own.experiment)
            _show_tracked(own, group, as_json)
            return
    if as_json:
        output.emit_json(detail)
        return
    folder = logs_of.folder_of(workspace.root, wanted.name)
    under_way = frozenset(log.position for log in logs_of.open_in(folder))
    _print(detail, surroundings(workspace.root).costs, under_way)
    run = detail.run
    again = f"trueup run {run.pipeline}"
    output.next_step(f"trueup why {run.ref}" if run.state == "finished" else again)


@command.command("experiments", example="trueup runs experiments")
@output.json_option
def experiments(as_json: bool) -> None:
    """List experiments, those with the newest runs first."""
    with output.here() as workspace:
        groups = workspace.overview.groups(workspace.owner)
    if as_json:
        output.emit_json(groups)
        return
    if not groups:
        output.say("No code has reported a run yet.")
        output.next_step("trueup run")
        return
    output.table(
        ("experiment", "runs", "states"),
        [
            (each.name, each.runs, ", ".join(f"{n} {state}" for state, n in each.states.items()))
            for each in groups
        ],
    )
    output.next_step(f"trueup runs list --experiment {shlex.quote(groups[0].name)}")


@command.command("logs", example="trueup runs logs run:7k3f9qd2 train --follow")
@click.argument("reference", metavar="RUN")
@click.argument("step", required=False, default="")
@click.option("--follow", is_flag=True, help="Go on while the run goes on.")
@output.json_option
def logs(reference: str, step: str, follow: bool, as_json: bool) -> None:
    """Print what the steps of a run printed.

    STEP is the name of a step, or of one item of a step over a list, such as 'train[3]'.
    """
    from trueup.app.running import logs as run_logs

    wanted = of_kind(reference, "run")
    said = False
    with output.here() as workspace:
        for some in run_logs.lines(workspace, workspace.owner, wanted.name, step, follow=follow):
            for line in some:
                said = True
                text = encode(line).decode() if as_json else f"{line.step} | {line.text}"
                click.echo(text)
    if not said:
        output.say("It printed nothing.")
    output.next_step(f"trueup runs show run:{wanted.name}")


@command.command("cancel", example='trueup runs cancel run:7k3f9qd2 --reason "wrong data"')
@click.argument("reference", metavar="RUN")
@click.option("--reason", default="", metavar="TEXT", help="Why; it goes into the event log.")
@output.as_option
@output.json_option
def cancel(reference: str, reason: str, speaker: str, as_json: bool) -> None:
    """Stop a run that is going on: all its processes end, what had finished is reused later."""
    wanted = of_kind(reference, "run").name
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        workspace.runs.mark_lost(actor)
        run = workspace.runs.cancel(actor, wanted, reason)
        until = time.monotonic() + _ENDS_WITHIN_S
        while run.state == "running" and time.monotonic() < until:
            time.sleep(0.1)
            run = workspace.runs.show(actor, wanted).run
    if as_json:
        output.emit_json(run)
        return
    if run.state == "running":
        output.say("{} is asked to stop; its process has not answered yet.", run.ref)
    else:
        output.say("{} is {}.", run.ref, run.state)
    output.next_step(f"trueup runs show {run.ref}")


def _show_tracked(run: TrackedRun, group: Experiment, as_json: bool) -> None:
    if as_json:
        output.emit_json(_finite(builtins(run)))
        return
    tracked.show(run, group)
    output.next_step(f"trueup runs list --experiment {shlex.quote(group.name)}")


def _finite(run: dict[str, Any]) -> dict[str, Any]:
    """A tracked run without numbers that JSON cannot say: those are None."""
    metrics = [
        [key, value if math.isfinite(value) else None, *rest]
        for key, value, *rest in run["metrics"]
    ]
    return {**run, "metrics": metrics}


def _print(detail: RunDetail, costs: Costs, under_way: frozenset[int]) -> None:
    run = detail.run
    title = output.state(run.state)
    title.append(f"  {run.ref}  {run.pipeline}", style="not dim")
    output.show(title)
    output.facts(
        {
            "parameters": _parameters(run),
            "data": ", ".join(f"{name} {short(digest)}" for name, digest in run.data.items()),
            "code": short(run.code) if run.code else "",
            "commit": run.commit[:7] + (" and files that differ from it" if run.dirty else ""),
            "caused by": run.caused_by,
            "because": run.reason,
            "partition": run.partition,
            "sweep": run.sweep,
            "started": f"{words.moment(run.started_at)} by {run.started_by}",
            "took": _took(run),
            **_usage(detail, costs),
        }
    )
    if run.error is not None:
        output.blank()
        output.show(Text(f"{run.error.code}: {run.error.message}", style="red"))
    if detail.steps or detail.outline:
        output.blank()
        run_steps.show(detail, under_way)
    if detail.findings:
        output.blank()
        output.show(Text("came out otherwise although nothing had changed:", style="yellow"))
        for found in detail.findings:
            output.show(Text(f"  {found}"))
    for made in detail.reproductions:
        output.blank()
        when = f"made again {words.moment(made.reproduced_at)} by {made.reproduced_by}"
        output.show(Text(f"{when}: {'; '.join(reproduce.lines(made)[:3])}"))
    failed = [attempt for attempt in detail.failures if attempt.error is not None]
    if failed:
        output.blank()
        output.table(("step", "attempt", "took", "error"), [_failure(each) for each in failed])
    if detail.metrics:
        output.blank()
        output.table(
            ("step", "metric", "value"), [(m.step, m.name, m.value) for m in detail.metrics]
        )


def _failure(attempt: StepAttempt) -> tuple[object, ...]:
    message = attempt.error.message if attempt.error else attempt.exit
    return attempt.step, attempt.number, seconds(attempt.seconds), message


def _usage(detail: RunDetail, costs: Costs) -> dict[str, object]:
    """What the steps took together, and what that costs where there is a rate."""
    ran = [step for step in detail.steps if step.attempts]
    cpu = sum(step.cpu_seconds for step in ran)
    cost = rules.cost(ran, costs)
    return {
        "processor": seconds(cpu) if cpu else "",
        "cost": f"{words.cost(cost)} {costs.currency}".rstrip() if cost is not None else "",
    }


def _row(run: Run) -> tuple[object, ...]:
    state = output.state(run.state)
    return (
        run.ref,
        run.pipeline,
        state,
        _parameters(run),
        _took(run),
        run.started_at,
        run.started_by,
    )


def _parameters(run: Run) -> str:
    return ", ".join(f"{name}={value}" for name, value in run.parameters.items())


def _took(run: Run) -> str:
    if run.ended_at is None:
        return ""
    return seconds((run.ended_at - run.started_at).total_seconds())
