"""`trueup runs`: what ran, on what, with what result."""

from __future__ import annotations

import click
from rich.text import Text

from trueup.doors.cli import comparing, output, reproduce
from trueup.doors.cli.addresses import of_kind
from trueup.doors.cli.grammar import Group
from trueup.foundation.digests import short
from trueup.foundation.text import seconds
from trueup.lifecycle.runs.records import Run, RunDetail, StepRun
from trueup.rendering import words


@click.group(cls=Group)
def command() -> None:
    """Runs of pipelines."""


command.add_command(comparing.command)


@command.command("list", example="trueup runs list --state failed")
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option(
    "--state",
    type=click.Choice(["running", "finished", "failed", "interrupted", "lost"]),
    help="Only runs in this state.",
)
@click.option(
    "--limit", default=20, type=click.IntRange(1, 1000), show_default=True, help="How many at most."
)
@click.option("--after", default="", metavar="RUN", help="Go on behind this run.")
@output.json_option
def list_(pipeline: str, state: str | None, limit: int, after: str, as_json: bool) -> None:
    """List runs, newest first."""
    start = of_kind(after, "run").name if after else ""
    with output.here() as workspace:
        actor = workspace.owner
        page = workspace.runs.list(
            actor, pipeline=pipeline, state=state or "", limit=limit, after=start
        )
    if as_json:
        output.emit_json(page)
        return
    if not page.runs:
        output.say("There is no such run." if pipeline or state else "Nothing ran yet.")
        output.next_step("trueup run")
        return
    output.table(
        ("run", "pipeline", "state", "parameters", "took", "started", "by"),
        [_row(run) for run in page.runs],
    )
    more = [f"trueup runs list --after {page.next}"] if page.next else []
    output.next_step(f"trueup runs show {page.runs[0].ref}", *more)


@command.command("show", example="trueup runs show run:7k3f9qd2")
@click.argument("reference", metavar="RUN")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one run: its steps, its metrics, what it was made from, and why it ended."""
    wanted = of_kind(reference, "run")
    with output.here() as workspace:
        actor = workspace.owner
        detail = workspace.runs.show(actor, wanted.name)
    if as_json:
        output.emit_json(detail)
        return
    _print(detail)
    run = detail.run
    again = f"trueup run {run.pipeline}"
    output.next_step(f"trueup why {run.ref}" if run.state == "finished" else again)


def _print(detail: RunDetail) -> None:
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
        }
    )
    if run.error is not None:
        output.blank()
        output.show(Text(f"{run.error.code}: {run.error.message}", style="red"))
    if detail.steps:
        output.blank()
        output.table(
            ("no", "step", "state", "took", "rows", "why"), [_step(step) for step in detail.steps]
        )
    for made in detail.reproductions:
        output.blank()
        when = f"made again {words.moment(made.reproduced_at)} by {made.reproduced_by}"
        output.show(Text(f"{when}: {'; '.join(reproduce.lines(made)[:3])}"))
    if detail.metrics:
        output.blank()
        output.table(
            ("step", "metric", "value"), [(m.step, m.name, m.value) for m in detail.metrics]
        )


def _step(step: StepRun) -> tuple[object, ...]:
    state = output.state("cached" if step.cached else step.state)
    rows = step.outputs.rows if step.outputs else None
    took = None if step.cached else seconds(step.seconds)
    return step.position, step.step, state, took, rows, "; ".join(step.why[:2])


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
