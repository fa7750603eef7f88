"""`trueup approve`: a second person's yes or no, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import did_you_mean, nearest

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.people.records import Approval


@click.command(cls=Command, example="trueup approve 7k3f9qd2 --as rita")
@click.argument("approval", required=False, default="", metavar="[ID]")
@click.option("--reject", is_flag=True, help="Say no instead of yes.")
@click.option("--reason", default="", metavar="TEXT", help="What to put on record.")
@click.option("--list", "listed", is_flag=True, help="Show the open questions and answer none.")
@output.as_option
@output.json_option
def command(
    approval: str, reject: bool, reason: str, listed: bool, speaker: str, as_json: bool
) -> None:
    """Answer a question, as a second person.

    Without ID it answers the only open question. Nobody may answer their own: use --as to speak
    for a colleague of the plan's team. An approved release starts at once.
    """
    from trueup.app.automation.reacting import Automation

    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        questions = workspace.people.open_approvals(actor)
        if listed:
            _list(workspace, actor, questions, as_json)
            return
        identifier = of_kind(approval, "approval").name if approval else _only(questions)
        _require_known(workspace, actor, identifier, questions)
        decided = workspace.people.decide(actor, identifier, approve=not reject, reason=reason)
        followed: list[str] = []
        Automation(workspace, followed.append).pump()
        releases = workspace.releases.with_approval(actor, identifier)
    if as_json:
        output.emit_json({"approval": decided, "followed": followed, "releases": releases})
        return
    line = output.state(decided.state)
    line.append(f"  approval:{decided.id}  {decided.subject}  by {decided.decided_by}", "not dim")
    output.show(line)
    output.say("")
    for sentence in followed:
        output.say("{}", f"{sentence}.")
    serving = [release for release in releases if release.state in ("live", "canary")]
    if serving:
        output.next_step("trueup serve", f"trueup why {serving[0].ref}")
    else:
        output.next_step("trueup status")


def _list(workspace: Workspace, actor: Actor, questions: list[Approval], as_json: bool) -> None:
    if as_json:
        output.emit_json(questions)
        return
    if not questions:
        output.say("Nothing waits for an answer.")
        output.next_step("trueup status")
        return
    rows = []
    for asked in questions:
        places = [release.ref for release in workspace.releases.with_approval(actor, asked.id)]
        rows.append((asked.id, asked.subject, ", ".join(places), asked.asked_by, asked.asked_at))
    output.table(("approval", "allows", "as", "asked by", "asked at"), rows)
    output.next_step(
        f"trueup why approval:{questions[0].id}", f"trueup approve {questions[0].id} --as NAME"
    )


def _only(questions: list[Approval]) -> str:
    if len(questions) == 1:
        return questions[0].id
    if not questions:
        raise NotFoundError(
            "approval-not-found", "Nothing waits for an answer.", hint="trueup status"
        )
    names = ", ".join(f"{question.id} ({question.subject})" for question in questions)
    raise UsageError(
        "approval-ambiguous",
        f"{len(questions)} questions wait for an answer: {names}.",
        hint=f"trueup approve {questions[0].id} --as NAME",
    )


def _require_known(
    workspace: Workspace, actor: Actor, identifier: str, questions: list[Approval]
) -> None:
    try:
        workspace.people.approval(actor, identifier)
    except NotFoundError as error:
        known = [question.id for question in questions]
        near = nearest(identifier, known)
        raise NotFoundError(
            error.code,
            error.message + did_you_mean(identifier, known),
            hint=f"trueup approve {near}" if near else error.hint,
        ) from error
