"""`trueup schedule`: when pipelines run by themselves, and what waits to run."""

from __future__ import annotations

from datetime import datetime

import click

from trueup.app.automation import declaring
from trueup.app.wiring import Workspace
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.runs.requests.records import RunRequest
from trueup.lifecycle.runs.schedules import rules, slots
from trueup.lifecycle.runs.schedules.records import Declared, Schedule


@click.group(cls=Group)
def command() -> None:
    """When pipelines run by themselves: schedules, triggers, and what waits to run."""


@command.command("list", example="trueup schedule list")
@output.json_option
def list_(as_json: bool) -> None:
    """List the pipelines that run by themselves, and their next moments."""
    with output.here() as workspace:
        actor = workspace.owner
        survey = declaring.survey(workspace.root)
        known = {schedule.pipeline: schedule for schedule in workspace.schedules.list(actor)}
        now = clock.now()
    automatic = [d for d in survey.declared if d.schedule or d.on]
    if as_json:
        output.emit_json([_facts(d, known.get(d.pipeline), now) for d in automatic])
        return
    for file, problem in survey.problems.items():
        output.say("[yellow]note:[/] {}: {}", file, problem)
    if not automatic:
        output.say("No pipeline runs by itself.")
        output.next_step("trueup run")
        return
    output.table(
        ("pipeline", "schedule", "also runs for", "missed slots", "next", "state"),
        [_row(d, known.get(d.pipeline), now) for d in automatic],
    )
    output.next_step(f"trueup schedule next {automatic[0].pipeline}", "trueup up")


@command.command("next", example="trueup schedule next nightly --count 10")
@click.argument("pipeline", required=False, default="")
@click.option(
    "--count", default=5, type=click.IntRange(1, 1000), show_default=True, help="How many slots."
)
@output.json_option
def next_(pipeline: str, count: int, as_json: bool) -> None:
    """Show the next slots of a pipeline, in its own time zone and in UTC."""
    with output.here() as workspace:
        found = [d for d in _wanted(workspace, pipeline) if d.schedule]
    now = clock.now()
    coming = [(d, slots.following(d.schedule, slots.zone(d.timezone), now, count)) for d in found]
    if as_json:
        output.emit_json([{"pipeline": d.pipeline, "slots": moments} for d, moments in coming])
        return
    if not coming:
        output.say("Nothing is scheduled.")
        output.next_step("trueup schedule list")
        return
    rows = sorted((slot, d) for d, moments in coming for slot in moments[:count])
    output.table(
        ("pipeline", "local time", "UTC"),
        [(d.pipeline, _local(d, slot), f"{slot:%Y-%m-%d %H:%M}") for slot, d in rows[:count]],
    )
    output.next_step("trueup up")


@command.command("pause", example='trueup schedule pause nightly --reason "the source is down"')
@click.argument("pipeline")
@click.option("--reason", default="", metavar="WORDS", help="Why; it is shown in the list.")
@output.as_option
@output.json_option
def pause(pipeline: str, reason: str, speaker: str, as_json: bool) -> None:
    """Let a pipeline start by itself no more, neither by its schedule nor by events."""
    with output.here() as workspace:
        (found,) = _wanted(workspace, pipeline)
        actor = workspace.speaking_as(speaker)
        paused = workspace.schedules.pause(actor, found.pipeline, reason)
    if as_json:
        output.emit_json(paused)
        return
    output.show(f"{pipeline} is paused: it runs when it is told to, and not by itself")
    output.next_step(f"trueup schedule resume {pipeline}")


@command.command("resume", example="trueup schedule resume nightly")
@click.argument("pipeline")
@output.as_option
@output.json_option
def resume(pipeline: str, speaker: str, as_json: bool) -> None:
    """Let a pipeline start by itself again; what came while it was paused is let go."""
    with output.here() as workspace:
        (found,) = _wanted(workspace, pipeline)
        actor = workspace.speaking_as(speaker)
        resumed = workspace.schedules.resume(actor, found.pipeline)
    if as_json:
        output.emit_json(resumed)
        return
    output.show(f"{pipeline} runs by itself again; slots and events of the pause are let go")
    output.next_step(f"trueup schedule next {pipeline}", f"trueup run {pipeline}")


@command.command("queue", example="trueup schedule queue")
@click.option("--all", "everything", is_flag=True, help="Also what has come to its end.")
@output.limit_option(20, most=1000)
@output.json_option
def queue(everything: bool, limit: int, as_json: bool) -> None:
    """Show the runs that were asked for and have not ended, in the order they start."""
    with output.here() as workspace:
        found = workspace.requests.list(workspace.owner, unfinished=not everything, limit=limit)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("Nothing waits.")
        output.next_step("trueup schedule list")
        return
    output.table(("run", "pipeline", "state", "asked", "because"), [_request_row(r) for r in found])
    output.next_step("trueup up", f"trueup runs show {found[0].ref}")


def _wanted(workspace: Workspace, pipeline: str) -> list[Declared]:
    """The pipeline of that name, or all of them."""
    declared = declaring.survey(workspace.root).declared
    found = [d for d in declared if pipeline in ("", d.pipeline)]
    if not found and pipeline:
        names = [d.pipeline for d in declared]
        raise NotFoundError(
            "pipeline-not-found",
            f"There is no pipeline '{pipeline}' in pipelines/*.py.{did_you_mean(pipeline, names)}",
            hint="trueup schedule list",
        )
    return found


def _facts(declared: Declared, known: Schedule | None, now: datetime) -> dict[str, object]:
    return {
        "pipeline": declared.pipeline,
        "schedule": declared.schedule,
        "timezone": declared.timezone,
        "catch_up": declared.catch_up,
        "on": declared.on,
        "next": _next(declared, now),
        "known": known,
    }


def _row(declared: Declared, known: Schedule | None, now: datetime) -> tuple[object, ...]:
    coming = _next(declared, now)
    state = "waits for the first look of trueup up"
    if known is not None:
        state = "runs by itself"
        if known.paused_at is not None:
            why = f": {known.why}" if known.why else ""
            state = f"paused by {known.paused_by}{why}"
    return (
        declared.pipeline,
        rules.described(declared) if declared.schedule else None,
        ", ".join(declared.on),
        declared.catch_up if declared.schedule else None,
        _local(declared, coming) if coming else None,
        state,
    )


def _next(declared: Declared, now: datetime) -> datetime | None:
    if not declared.schedule:
        return None
    coming = slots.following(declared.schedule, slots.zone(declared.timezone), now, 1)
    return coming[0] if coming else None


def _local(declared: Declared, slot: datetime) -> str:
    return f"{slot.astimezone(slots.zone(declared.timezone)):%a %Y-%m-%d %H:%M %Z}"


def _request_row(request: RunRequest) -> tuple[object, ...]:
    why = f" ({request.error.message.rstrip('.')})" if request.error else ""
    state = output.state(request.state)
    return request.ref, request.pipeline, state, request.asked_at, f"{request.reason}{why}"
