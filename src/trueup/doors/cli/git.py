"""`trueup git`: hooks in the repository, and verdicts under a review."""

from __future__ import annotations

import os

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.errors import UsageError
from trueup.foundation.text import plural


@click.group(cls=Group)
def command() -> None:
    """Git hooks, and verdicts under reviews."""


@command.command("install", example="trueup git install")
@click.option("--chain", is_flag=True, help="Keep hooks of others and call them first.")
@output.json_option
def install(chain: bool, as_json: bool) -> None:
    """Check before each commit and each push: the plan, the pipelines, data that went astray."""
    from trueup.app.ci import hooks

    with output.here() as workspace:
        written = hooks.install(workspace.root, chain=chain)
    if as_json:
        output.emit_json([path.name for path in written])
        return
    for path in written:
        output.show(str(path.name))
    output.say("\nWritten into the hooks of this repository. To skip them once: --no-verify")
    output.next_step("trueup git check", "trueup git uninstall")


@command.command("uninstall", example="trueup git uninstall")
@output.json_option
def uninstall(as_json: bool) -> None:
    """Remove the hooks, and put back those they had replaced."""
    from trueup.app.ci import hooks

    with output.here() as workspace:
        removed = hooks.uninstall(workspace.root)
    if as_json:
        output.emit_json([path.name for path in removed])
        return
    output.say(
        "Removed {}." if removed else "There was no hook of Trueup's.", plural(len(removed), "hook")
    )


@command.command("check", example="trueup git check")
@click.option(
    "--before",
    "moment",
    type=click.Choice(["commit", "push"]),
    default="commit",
    show_default=True,
    help="What is about to happen.",
)
@output.json_option
def check(moment: str, as_json: bool) -> int:
    """Do what the hooks do: plan and pipelines must be sound, and data stays out of Git."""
    from trueup.app.ci import hooks

    with output.here() as workspace:
        found = hooks.check(workspace.root, moment)
    if as_json:
        output.emit_json([finding._asdict() for finding in found])
    else:
        for finding in found:
            output.say("[red]✕[/] {}\n  [dim]hint:[/] {}", finding.words, finding.cure)
        if not found:
            output.say("Plan and pipelines are sound.")
    return 2 if found else 0


@command.command("report", example="trueup git report flights")
@click.argument("reference", metavar="MODEL[@VERSION]")
@click.option("--to", "service", type=click.Choice(["github", "gitlab"]), help="Which service.")
@click.option("--commit", default="", metavar="SHA", help="About this commit; the version's own.")
@click.option("--review", default=0, type=int, metavar="N", help="The review; found by its branch.")
@click.option("--branch", default="", metavar="NAME", help="The branch whose review it is.")
@click.option(
    "--against", default="", metavar="SHA", help="Compare with the version of this commit."
)
@click.option("--dry-run", is_flag=True, help="Print what would be said, say nothing.")
@output.as_option
@output.json_option
def report(
    reference: str,
    service: str | None,
    commit: str,
    review: int,
    branch: str,
    against: str,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Say a verdict about a commit, and in one comment under its review.

    The comment holds the gate's table and the metrics beside the champion's, or beside the version
    of the review's target branch. Saying it again changes the comment instead of adding one.
    """
    from trueup.app.ci import reports, surroundings, targets
    from trueup.lifecycle.pipeline.steps import connecting

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor, root = workspace.speaking_as(speaker), workspace.root
        built = surroundings.read(os.environ)
        name = (
            service
            or built.server.replace("jenkins", "")
            or connecting.known(root, "github", "gitlab")
        )
        verdict = workspace.gates.judge(actor, wanted.name, wanted.selector)
        version = verdict.statement.model_ref.partition("@")[2]
        if dry_run:
            compared = reports.compare(workspace, actor, wanted.name, version, against)
            text = reports.markdown(verdict, compared)
            if as_json:
                output.emit_json({"text": text})
            else:
                click.echo(text, nl=False)
            return
        if not name:
            raise UsageError(
                "connection-not-found",
                "trueup.toml has neither a connection 'github' nor 'gitlab'.",
                hint='add to trueup.toml:  [connections.github]  url = "https://api.github.com"',
            )
        otherwise = surroundings.connection(os.environ) if name == built.server else None
        with connecting.outbound(root) as http:
            said = targets.say(
                workspace,
                actor,
                connecting.hosting(root, http, name, otherwise),
                verdict,
                commit=commit or built.head or built.commit,
                review=review or built.review,
                branch=branch or built.branch,
                against=against,
                url=built.url,
            )
    if as_json:
        output.emit_json({"commit": said.commit, "status": said.status, "comment": said.comment})
        return
    output.show(f"{said.commit[:12]}  {said.status.state}  {said.status.description}")
    if said.comment:
        output.show(said.comment)
    else:
        output.say("No open review was found for this branch; only the commit has the status.")
