"""`trueup data forget`: versions whose bytes are needed no more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.forgetting import forgetting_options
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.offering import offer, offering_options
from trueup.foundation.errors import UsageError
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.lifecycle.data.retention.forgetting import Forgetting

_MOST_SHOWN = 50


@click.command(cls=Command, example="trueup data forget images --keep-last 5")
@click.argument("references", nargs=-1, metavar="[DATASET[@VERSION]...]")
@forgetting_options("versions", of_each="dataset")
@click.option(
    "--even-if-named",
    is_flag=True,
    help="Also what a run, a model version or a verdict names; -m says why.",
)
@click.option("--remote", default="", metavar="NAME", help="In this remote instead of here.")
@offering_options
@output.as_option
@output.json_option
def command(
    references: tuple[str, ...],
    keep_last: int | None,
    since: datetime | None,
    even_if_named: bool,
    remote: str,
    undo: bool,
    message: str,
    dry_run: bool,
    yes: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Forget versions: their names and history stay, their bytes go with the next `data gc`.

    Name versions, or say what to keep of datasets (of all of them, if you name none). The newest
    version of a branch and the one whose files lie here are never forgotten, nor what a run, a
    model version or a verdict names. Without --yes it only shows what would go; on a terminal it
    asks. In a remote, whoever has the bytes still brings them back by `data push --whole`.
    """
    wanted = [of_kind(reference, "data") for reference in references]
    if remote and undo:
        names = " ".join(dict.fromkeys(reference.name for reference in wanted))
        raise UsageError(
            "command-line",
            "What was forgotten in a remote comes back from a project that has its bytes.",
            hint=f"trueup data push {names} --whole --remote {remote}",
        )
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        if undo:
            again = workspace.retention.undo(actor, wanted)
            if as_json:
                output.emit_json(again)
                return
            for version in again:
                output.show(f"{version.ref}  is remembered, all its bytes are here")
            if again:
                output.next_step(f"trueup data log {again[0].name}")
            return
        from trueup.lifecycle.data.retention.forgetting import Keep

        keep = Keep(keep_last or 0, since)
        forget = partial(workspace.retention.forget, actor, wanted, keep)
        if remote:
            forget = partial(workspace.tending.forget, actor, wanted, keep, remote)
        offer(
            lambda is_look: forget(why=message, even_if_named=even_if_named, dry_run=is_look),
            _show,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
            then=f"trueup data gc --remote {remote}" if remote else "trueup data gc --dry-run",
        )


def _show(found: Forgetting) -> int:
    rows = [
        (fate.ref, fate.taken_at, size(fate.size), "goes" if fate.goes else "stays", fate.why)
        for fate in found.fates[:_MOST_SHOWN]
    ]
    if rows:
        output.table(("version", "taken at", "size", "", "why"), rows)
    if len(found.fates) > _MOST_SHOWN:
        output.say("And {} more.", plural(len(found.fates) - _MOST_SHOWN, "version"))
    if found.gone:
        shared = f"; {size(found.shares)} stay for others" if found.shares else ""
        output.say(
            "{}: {} that nothing else needs{}.",
            plural(len(found.gone), "version"),
            size(found.frees),
            shared,
        )
    return len(found.gone)
