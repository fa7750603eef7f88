"""`trueup data forget`: versions whose bytes are needed no more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from trueup.lifecycle.data.retention.forgetting import Forgetting

_MOST_SHOWN = 50


@click.command(cls=Command, example="trueup data forget images --keep-last 5")
@click.argument("references", nargs=-1, metavar="[DATASET[@VERSION]...]")
@click.option(
    "--keep-last",
    default=0,
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Keep the N newest versions of each dataset.",
)
@click.option(
    "--keep-days",
    default=0,
    type=click.IntRange(1, 36_500),
    metavar="D",
    help="Keep what was taken in the last D days.",
)
@click.option(
    "--even-if-named",
    is_flag=True,
    help="Also what a run, a model version or a verdict names; -m says why.",
)
@click.option("--undo", is_flag=True, help="Remember these versions again.")
@click.option("-m", "--message", default="", metavar="TEXT", help="Why, in your words.")
@click.option("--dry-run", is_flag=True, help="Show what would go; forget nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_option
@output.json_option
def command(
    references: tuple[str, ...],
    keep_last: int,
    keep_days: int,
    even_if_named: bool,
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
    asks.
    """
    wanted = [of_kind(reference, "data") for reference in references]
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
        from datetime import timedelta

        from trueup.lifecycle.data.retention.forgetting import Keep

        since = clock.now() - timedelta(days=keep_days) if keep_days else None
        keep = Keep(keep_last, since)

        def forget(*, dry_run: bool) -> Forgetting:
            return workspace.retention.forget(
                actor, wanted, keep, why=message, even_if_named=even_if_named, dry_run=dry_run
            )

        found = forget(dry_run=not yes or dry_run)
        if not as_json:
            _show(found)
        ask = not yes and not dry_run and not as_json and bool(found.gone)
        if ask and sys.stdin.isatty() and click.confirm("Forget them?", err=True):
            found = forget(dry_run=False)
    if as_json:
        output.emit_json(found)
    elif found.done:
        output.show(f"{plural(len(found.gone), 'version')} forgotten")
        undone = " ".join(fate.ref.removeprefix("data:") for fate in found.gone[:3])
        output.next_step("trueup data gc --dry-run", f"trueup data forget {undone} --undo")
    elif found.gone:
        output.say("Nothing was forgotten.")
        output.next_step(f"trueup data forget {' '.join(_again())} --yes")
    else:
        output.say("There is nothing to forget.")
        output.next_step("trueup data gc --dry-run")


def _show(found: Forgetting) -> None:
    rows = [
        (fate.ref, fate.taken_at, size(fate.size), "goes" if fate.goes else "stays", fate.why)
        for fate in found.fates[:_MOST_SHOWN]
    ]
    if rows:
        output.table(("version", "taken at", "size", "", "why"), rows)
    if len(found.fates) > _MOST_SHOWN:
        output.say("And {} more.", plural(len(found.fates) - _MOST_SHOWN, "version"))
    if found.gone:
        shared = f"; {size(found.shares)} of them stay for others" if found.shares else ""
        output.say(
            "{} would free {}{}.", plural(len(found.gone), "version"), size(found.frees), shared
        )


def _again() -> list[str]:
    """The words of this call, to paste."""
    import shlex

    return [shlex.quote(word) for word in sys.argv[3:] if word != "--dry-run"]
