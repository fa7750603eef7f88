"""`trueup prediction`: what was answered, and what turned out to be true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation import clock
from trueup.foundation.errors import UsageError
from trueup.lifecycle.serving.journal.searching import Wanted
from trueup.lifecycle.serving.records import Labels, Prediction, Truth

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace


@click.group(cls=Group)
def command() -> None:
    """Recorded predictions and labels."""


@command.command("list", example="trueup prediction list --deployment clinic")
@click.option("--deployment", default="", metavar="NAME", help="Only of this deployment.")
@output.limit_option(20)
@output.json_option
def list_(deployment: str, limit: int, as_json: bool) -> None:
    """List the newest predictions with their labels."""
    with output.here() as workspace:
        actor = workspace.owner
        planned = list(workspace.plans.current(actor).plan.deployments)
        places = [of_kind(deployment, "deployment").name] if deployment else planned
        found = [p for place in places for p in workspace.predictions.query(actor, place, limit)]
    found = sorted(found, key=lambda p: p.received_at, reverse=True)[:limit]
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("Nothing was predicted yet.")
        output.next_step("trueup serve")
        return
    columns = ["prediction", "model", "score", "label", "received at", "deployment"]
    rows = [[p.id, p.model_ref, p.answer, _label(p), p.received_at, p.deployment] for p in found]
    if len({p.deployment for p in found}) == 1:  # one place needs no column of its own
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    output.table(columns, rows)
    output.next_step(f"trueup why {found[0].ref}")


@command.command(
    "query", example="trueup prediction query --deployment clinic --since 2026-03-01 --labelled"
)
@click.option("--deployment", default="", metavar="NAME", help="Only of this deployment.")
@click.option("--model", default="", metavar="NAME@N", help="Only what this version answered.")
@click.option("--entity", default="", metavar="KEY", help="Only about this one.")
@click.option("--since", default="", metavar="MOMENT", help="About this moment or a later one.")
@click.option("--until", default="", metavar="MOMENT", help="About an earlier moment than this.")
@click.option("--at-least", type=float, metavar="SCORE", help="Lowest score.")
@click.option("--at-most", type=float, metavar="SCORE", help="Highest score.")
@click.option("--where", multiple=True, metavar="INPUT=VALUE", help="Only with this input.")
@click.option("--labelled/--unlabelled", default=None, help="Whether the truth is known.")
@click.option("--shadows", is_flag=True, help="What shadows scored instead of answers.")
@click.option("--output", "target", default="", metavar="FILE", help="Write CSV to this file.")
@output.limit_option(1000)
@output.json_option
def query(where: tuple[str, ...], target: str, limit: int, as_json: bool, **asked: Any) -> None:
    """Find recorded predictions by what they are about, oldest first."""
    wanted = _wanted(asked, where)
    with output.here() as workspace:
        found = workspace.predictions.search(workspace.owner, wanted)
        if target:
            try:
                count = _write_csv(target, found)
            except OSError as error:
                raise UsageError(
                    "output-unwritable",
                    f"--output '{target}' cannot be written: {error.strerror or error}.",
                    hint="--output predictions.csv",
                ) from error
            output.show(f"{target}  {count} predictions")
            return
        some = list(islice(found, limit))
    if as_json:
        output.emit_json(some)
        return
    if not some:
        output.say("No prediction meets these conditions.")
        output.next_step("trueup prediction list")
        return
    columns = ["prediction", "model", "score", "label", "about", "deployment"]
    output.table(
        columns, [[p.id, p.model_ref, p.answer, _label(p), p.at, p.deployment] for p in some]
    )
    output.next_step(f"trueup why {some[0].ref}")


@command.command("show", example="trueup prediction show 0192f0c4d1e27c3a9b5e6f708192a3b4-0")
@click.argument("reference", metavar="PREDICTION")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one prediction: what was asked, what was answered, what was true."""
    wanted = of_kind(reference, "prediction")
    with output.here() as workspace:
        found = workspace.predictions.show(workspace.owner, wanted.name)
    if as_json:
        output.emit_json(found)
        return
    output.heading(found.ref)
    output.facts(
        {
            "score": found.answer,
            "label": _label(found) or "not known yet",
            "answered by": f"{found.model_ref} in release:{found.deployment}@{found.release}",
            "entity": found.entity,
            "about": found.at,
            "received": found.received_at,
        }
    )
    output.blank()
    output.table(("input", "value"), found.inputs.items())
    output.next_step(f"trueup why {found.ref}", f"trueup prediction label {found.id} 1")


@command.command("label", example="trueup prediction label 0192f0c4d1e27c3a9b5e6f708192a3b4-0 1")
@click.argument("reference", metavar="PREDICTION")
@click.argument("value")
@click.option("--at", default="", metavar="MOMENT", help="When the truth was known; now if absent.")
@output.as_option
@output.json_option
def label(reference: str, value: str, at: str, speaker: str, as_json: bool) -> None:
    """Say what turned out to be true; a later label replaces an earlier one."""
    wanted = of_kind(reference, "prediction")
    moment = parse_moment("--at", at)
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        with workspace.state.read(actor, "feedback.create"):
            pass  # asks the guard; the journal has none of its own
        found = workspace.predictions.show(actor, wanted.name)
        _record(workspace, found, truth_of(value), moment)
        found = workspace.predictions.show(actor, wanted.name)
    if as_json:
        output.emit_json(found)
        return
    output.show(f"{found.ref}  score {found.answer}  label {value}")
    output.next_step(f"trueup monitor run {found.deployment}")


def parse_moment(option: str, text: str) -> datetime:
    """The moment that an option gives; now without one.

    Raises:
        UsageError: The text is no moment.
    """
    try:
        return clock.parse_moment(text) if text else clock.now()
    except ValueError as error:
        raise UsageError(
            "moment-malformed",
            f"{option} '{text}' is no moment in ISO 8601.",
            hint=f"{option} {clock.now():%Y-%m-%dT%H:%M}",
        ) from error


def _wanted(asked: dict[str, Any], where: tuple[str, ...]) -> Wanted:
    inputs = {}
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise UsageError(
                "condition-malformed",
                f"--where '{condition}' is no condition on an input.",
                hint="--where carrier=UA",
            )
        inputs[name] = value
    since, until = asked["since"], asked["until"]
    return Wanted(
        deployment=of_kind(asked["deployment"], "deployment").name if asked["deployment"] else "",
        model_ref=asked["model"],
        shadows=asked["shadows"],
        entity=asked["entity"],
        since=parse_moment("--since", since) if since else None,
        until=parse_moment("--until", until) if until else None,
        at_least=asked["at_least"],
        at_most=asked["at_most"],
        inputs=inputs,
        labelled=asked["labelled"],
    )


def _write_csv(target: str, found: Iterator[Prediction]) -> int:
    """Write all of them as they come; the inputs of the first one are the columns."""
    import csv
    import itertools
    import json

    first = next(found, None)
    inputs = list(first.inputs) if first else []
    count = 0
    with Path(target).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        names = ["prediction", "deployment", "model", "release", "entity", "at", "score", "label"]
        writer.writerow([*names, *(f"input.{name}" for name in inputs)])
        for p in itertools.chain([first] if first else [], found):
            place = [p.id, p.deployment, p.model_ref, p.release, p.entity, p.at.isoformat()]
            score = p.score if isinstance(p.score, float) else json.dumps(p.score)
            writer.writerow([*place, score, _label(p), *map(p.inputs.get, inputs)])
            count += 1
    return count


def truth_of(text: str) -> Truth:
    """The truth that a text stands for: a number, yes or no, else a class by its name."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _record(workspace: Workspace, found: Prediction, value: Truth, at: datetime) -> None:
    from trueup.lifecycle.serving.journal.writer import Journal

    journal = Journal(workspace.settings.journal)
    try:
        record = Labels(
            deployment=found.deployment,
            received_at=clock.now(),
            predictions=[found.id],
            labels=[value],
            at=at,
        )
        journal.write([record])
    finally:
        journal.close()


def _label(prediction: Prediction) -> str:
    return "" if prediction.label is None else prediction.label.words
