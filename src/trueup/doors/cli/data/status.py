"""`trueup data status`: the work files against the versions they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.progress import Counting
from trueup.foundation.text import listing, plural

if TYPE_CHECKING:
    from trueup.lifecycle.data.worktree.comparing import Status

_MOST_SHOWN = 20


@click.command(cls=Command, example="trueup data status images")
@click.argument("name", required=False, default="")
@output.json_option
def command(name: str, as_json: bool) -> None:
    """Show what was added, changed and removed since the version that lies here."""
    from trueup.app.standing import statuses

    wanted = of_kind(name, "data").name if name else ""
    with output.here() as workspace, Counting("looked at") as counting:
        found = statuses(workspace, wanted, counting.tell)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        from trueup.lifecycle.plan import service as plans

        if declared := plans.read(workspace.root).datasets:
            output.say("No plan is in force yet; trueup.toml declares {}.", listing(declared))
            output.next_step("trueup plan adopt")
            return
        output.say("There is no dataset yet.")
        output.next_step("trueup data add PATH")
        return
    for each in found:
        _show(each)
    differing = next((each for each in found if not each.is_clean), None)
    if differing is None:
        output.next_step(f"trueup data log {found[0].dataset}")
    elif differing.unfinished or (differing.version and not differing.files):
        output.next_step(f"trueup data checkout {differing.dataset}")
    else:
        output.next_step(f"trueup data add {differing.path}")


def _show(found: Status) -> None:
    at = f"data:{found.dataset}@{found.version}" if found.version else "kept in no version"
    behind = f", newest {found.newest}" if found.newest != found.version else ""
    if found.is_clean:
        output.heading(found.dataset, f"{plural(found.files, 'file')} as {at}{behind}")
        return
    output.heading(found.dataset, f"differs from {at} on branch {found.branch}{behind}")
    if found.unfinished:
        output.say("A checkout was interrupted; run it again.")
    for word, paths in (
        ("added", found.added),
        ("changed", found.changed),
        ("removed", found.removed),
    ):
        for path in paths[:_MOST_SHOWN]:
            output.show(f"  {word:<8} {output.cell(path).plain}")
        if len(paths) > _MOST_SHOWN:
            output.show(f"  {word:<8} and {plural(len(paths) - _MOST_SHOWN, 'more file')}")
