"""`trueup data log`, `branch`, `merge`, `verify`, `gc`: versions, their lines, their bytes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.data.exchange import collect_remote, verify_remote
from trueup.doors.cli.data.keep import held
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.progress import Counting
from trueup.foundation.clock import parse_duration
from trueup.foundation.errors import BackendError, ConflictError, UsageError
from trueup.foundation.records import builtins
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from trueup.lifecycle.data.upkeep.collecting import Collected

_MOST_SHOWN = 50


@click.command(cls=Command, example="trueup data log images")
@click.argument("name")
@output.json_option
def log(name: str, as_json: bool) -> None:
    """List the versions of a dataset, newest first."""
    wanted = of_kind(name, "data")
    with output.here() as workspace:
        found = workspace.datasets.log(workspace.owner, wanted.name)
        forgotten = workspace.retention.forgotten(workspace.owner, wanted.name)
    if as_json:
        gone = {number: builtins(each) for number, each in forgotten.items()}
        output.emit_json([builtins(v) | {"forgotten": gone.get(v.version)} for v in found])
        return
    output.table(
        ("version", "holds", "branch", "from", "taken at", "by", "why"),
        [
            (
                v.ref,
                f"forgotten {forgotten[v.version].told}" if v.version in forgotten else held(v),
                v.branch,
                [f"@{n}" for n in v.parents],
                v.taken_at,
                v.taken_by,
                v.message,
            )
            for v in found
        ],
    )
    output.next_step(f"trueup data show {found[0].ref}")


@click.command(cls=Command, example="trueup data branch images fewer-outliers")
@click.argument("name")
@click.argument("branch", required=False, default="")
@click.option("--at", default="", metavar="VERSION", help="Where to begin; by default here.")
@click.option("--delete", is_flag=True, help="Forget the branch; its versions stay.")
@output.as_option
@output.json_option
def branch(name: str, branch: str, at: str, delete: bool, speaker: str, as_json: bool) -> None:
    """List the branches of a dataset, make one, or forget one."""
    wanted = of_kind(name, "data").name
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        if not branch:
            found = workspace.branching.branches(actor, wanted)
        elif delete:
            found = [workspace.branching.delete(actor, wanted, branch, workspace.root)]
        else:
            found = [workspace.branching.branch(actor, wanted, branch, workspace.root, at)]
    if as_json:
        output.emit_json(found if not branch else found[0])
        return
    rows = [(f"data:{wanted}@{each.branch}", f"data:{wanted}@{each.version}") for each in found]
    output.table(("branch", "forgotten at" if delete else "newest"), rows)
    output.next_step(
        f"trueup data checkout {wanted}@{found[0].branch}"
        if not delete
        else f"trueup data log {wanted}"
    )


@click.command(cls=Command, example="trueup data merge images fewer-outliers")
@click.argument("name")
@click.argument("branch")
@click.option("--ours", "prefer", flag_value="ours", help="Where both changed a file: this side's.")
@click.option("--theirs", "prefer", flag_value="theirs", help="Where both did: the other side's.")
@click.option(
    "--without-base",
    is_flag=True,
    help="If what both come from is lost: keep all files; what one side removed comes back.",
)
@click.option("-m", "--message", default="", metavar="TEXT", help="Why, in your words.")
@output.as_option
@output.json_option
def merge(
    name: str,
    branch: str,
    prefer: str | None,
    without_base: bool,
    message: str,
    speaker: str,
    as_json: bool,
) -> None:
    """Bring the changes of another branch into this one, and into the files that lie here."""
    wanted = of_kind(name, "data").name
    with output.here() as workspace, Counting("looked at") as counting:
        actor = workspace.speaking_as(speaker)
        here = workspace.datasets.status(actor, wanted, workspace.root, counting.tell)
        if not here.is_clean or here.version != here.newest:
            raise ConflictError(
                "dataset-unkept",
                f"The files of '{wanted}' are not the newest version of '{here.branch}', "
                "into which shall be merged.",
                hint=f"trueup data checkout {wanted}"
                if here.is_clean
                else f"trueup data add {here.path}   (or see: trueup data status {wanted})",
            )
        merged = workspace.branching.merge(
            actor,
            wanted,
            workspace.root,
            branch,
            prefer="ours" if prefer == "ours" else "theirs" if prefer else "",
            without_base=without_base,
            message=message,
        )
        moves = workspace.datasets.checkout(actor, wanted, workspace.root, progress=counting.tell)
    if as_json:
        output.emit_json({"version": merged, "checkout": moves})
        return
    output.show(
        f"{merged.ref}  {held(merged)}; {plural(len(moves.written), 'file')} written, "
        f"{len(moves.removed):,} removed"
    )
    output.next_step(f"trueup data log {wanted}")


@click.command(cls=Command, example="trueup data verify images")
@click.argument("name", required=False, default="")
@click.option("--remote", default="", metavar="NAME", help="Read all of this remote instead.")
@output.json_option
def verify(name: str, remote: str, as_json: bool) -> None:
    """Read every file of every version again, and name what is damaged or missing.

    The exit code is 8 when anything is.
    """
    if remote:
        verify_remote(remote, as_json=as_json)
        return
    wanted = of_kind(name, "data").name if name else ""
    with output.here() as workspace, Counting("read") as counting:
        done = workspace.datasets.verify(workspace.owner, wanted, counting.tell)
    if done.broken:
        if not as_json:
            output.table(
                ("version", "file", "digest", "is"),
                [
                    (f"data:{b.dataset}@{b.versions[-1]}", b.path, b.digest, b.problem)
                    for b in done.broken[:_MOST_SHOWN]
                ],
            )
        first = done.broken[0]
        what = f"'{first.path}'" if first.path else "the description"
        raise BackendError(
            "data-damaged",
            f"{plural(len(done.broken), 'file')} of data cannot be given back; the first is "
            f"{what} of data:{first.dataset}@{first.versions[-1]}, {first.problem}.",
            hint="trueup data pull --repair   (or, if the files still lie there: "
            "trueup data add PATH --read-all)",
            context={"broken": [builtins(each) for each in done.broken[:1000]]},
        )
    if as_json:
        output.emit_json(done)
        return
    output.show(
        f"✓ {plural(done.versions, 'version')}, {plural(done.blobs, 'blob')}, {size(done.size)}: "
        "all as they were kept"
    )
    output.next_step("trueup data gc --dry-run")


@click.command(cls=Command, example="trueup data gc --dry-run")
@click.option("--dry-run", is_flag=True, help="Show what would go; throw nothing away.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--older-than",
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Spare younger bytes: somebody may be about to refer to them.",
)
@click.option("--remote", default="", metavar="NAME", help="In this remote instead of here.")
@output.as_option
@output.json_option
def gc(dry_run: bool, yes: bool, older_than: str, remote: str, speaker: str, as_json: bool) -> None:
    """Throw away bytes that nothing refers to.

    Without --yes it only shows them; on a terminal it asks. In a remote they are marked first,
    and removed by a later call, when they have been marked for the time of --older-than.
    """
    from trueup.app.collecting import collect

    try:
        grace = parse_duration(older_than)
    except ValueError as error:
        raise UsageError(
            "command-line", f"{error}.", hint="trueup data gc --older-than 24h"
        ) from error
    if remote:
        collect_remote(remote, grace, speaker, dry_run=not yes or dry_run, as_json=as_json)
        return
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        found = collect(workspace, actor, grace, dry_run=not yes or dry_run)
        if not as_json:
            _show(found)
        ask = not yes and not dry_run and not as_json and found.unused.blobs > 0
        if ask and sys.stdin.isatty() and click.confirm("Throw them away?", err=True):
            found = collect(workspace, actor, grace, dry_run=False)
    if as_json:
        output.emit_json(found)
    elif found.done:
        output.show(f"{size(found.freed)} freed")
        output.next_step("trueup data verify")
    elif found.unused.blobs:
        output.say("Nothing was thrown away.")
        output.next_step("trueup data gc --yes")
    else:
        output.next_step("trueup data verify")


def _show(found: Collected) -> None:
    rows = [(s.reason, s.blobs, size(s.size), "goes" if s.goes else "stays") for s in found.shares]
    if rows:
        output.table(("why", "blobs", "size", ""), rows)
    else:
        output.say("The blob store is empty.")
    if found.forgotten_files:
        output.say(
            "{} of runs deleted more than 30 days ago ({}) {}.",
            plural(found.forgotten_files, "file"),
            size(found.forgotten_size),
            "went" if found.done else "will go, too",
        )
