"""`trueup runs forget`: runs whose files are needed no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.forgetting import days_ago, forgetting_options
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.offering import offer, offering_options
from trueup.foundation.errors import UsageError
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.lifecycle.runs.retention.records import Forgetting, Purged

_MOST_SHOWN = 50
_DELETED_DAYS = 30


@click.command(cls=Command, example="trueup runs forget --keep-last 20")
@click.argument("references", nargs=-1, metavar="[RUN...]")
@forgetting_options("runs", of_each="pipeline")
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--even-if-named", is_flag=True, help="Also runs that made a model; -m says why.")
@click.option(
    "--deleted", is_flag=True, help="Purge runs that clients deleted; 30 days ago without a rule."
)
@click.option(
    "--remote", default="", metavar="NAME", help="Old results of steps in this remote instead."
)
@offering_options
@output.as_option
@output.json_option
def command(
    references: tuple[str, ...],
    keep_last: int | None,
    since: datetime | None,
    pipeline: str,
    even_if_named: bool,
    deleted: bool,
    remote: str,
    undo: bool,
    message: str,
    dry_run: bool,
    yes: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Forget the files of runs: names, figures and history stay, bytes go with `data gc`.

    Name runs, or say which to keep. A run that goes on and one of which a model version was made
    stay. Without --yes it only shows what would go; on a terminal it asks.
    """
    if deleted + bool(remote) + undo > 1 or ((deleted or remote) and references):
        raise UsageError(
            "command-line",
            "--deleted, --remote and --undo do not go together; the first two take no runs.",
            hint="trueup runs forget --help",
        )
    runs = [of_kind(reference, "run").name for reference in references]
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        retention = workspace.run_retention
        if undo:
            again = retention.undo(actor, runs)
            if as_json:
                output.emit_json(again)
                return
            output.show(f"{plural(len(again), 'run')} remembered")
            output.next_step("trueup runs list")
        elif deleted:
            before = since or days_ago(_DELETED_DAYS)
            offer(
                lambda is_look: retention.purge(actor, before, dry_run=is_look),
                _show_purged,
                dry_run=dry_run,
                yes=yes,
                as_json=as_json,
                then="trueup data gc --dry-run",
            )
        elif remote:
            from trueup.app.running.sharing import forget_results

            if since is None:
                raise UsageError(
                    "forget-what",
                    "Say how young a result in a remote must be to stay.",
                    hint=f"trueup runs forget --remote {remote} --keep-days 90",
                )
            offer(
                lambda is_look: forget_results(workspace, actor, remote, since, dry_run=is_look),
                _show_results,
                dry_run=dry_run,
                yes=yes,
                as_json=as_json,
                then=f"trueup data gc --remote {remote}",
            )
        else:
            from trueup.lifecycle.runs.retention.records import Keep

            keep = Keep(keep_last or 0, since)
            offer(
                lambda is_look: retention.forget(
                    actor,
                    runs,
                    keep,
                    pipeline=pipeline,
                    why=message,
                    even_if_named=even_if_named,
                    dry_run=is_look,
                ),
                _show,
                dry_run=dry_run,
                yes=yes,
                as_json=as_json,
                then="trueup data gc --dry-run",
            )


def _show(found: Forgetting) -> int:
    output.table(
        ("run", "pipeline", "started", "", "why"),
        [
            (fate.ref, fate.pipeline, fate.started_at, "goes" if fate.goes else "stays", fate.why)
            for fate in found.fates[:_MOST_SHOWN]
        ],
    )
    if len(found.fates) > _MOST_SHOWN:
        output.say("And {}.", plural(len(found.fates) - _MOST_SHOWN, "more run"))
    output.say(
        "{}, {} of steps: {} that nothing else needs.",
        plural(len(found.gone), "run"),
        plural(found.results, "result"),
        size(found.frees),
    )
    return len(found.gone)


def _show_purged(found: Purged) -> int:
    held = f"{plural(found.files, 'file')}, {size(found.size)}"
    output.show(f"{plural(found.runs, 'run')} deleted by clients ({held})")
    return found.runs


def _show_results(found: int) -> int:
    output.show(f"{plural(found, 'old result')} of steps")
    return found
