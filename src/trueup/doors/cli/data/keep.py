"""`trueup data add`, `snapshot` and `checkout`: work files to versions and back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.doors.cli.terminal.progress import Counting
from trueup.foundation.digests import short
from trueup.foundation.errors import UsageError
from trueup.foundation.text import plural, size

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.lifecycle.data.records import DatasetVersion
    from trueup.lifecycle.data.worktree.tree import Links
    from trueup.ports.blobs import Link

_MOST_SHOWN = 20


def _keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how files are kept."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Say what would be kept; keep nothing."),
        click.option(
            "--allow-clashes", is_flag=True, help="Keep names that differ only in case, too."
        ),
        click.option(
            "--links",
            type=click.Choice(("refuse", "keep")),
            default="refuse",
            show_default=True,
            help="What to do with symbolic links.",
        ),
        click.option("-m", "--message", default="", metavar="TEXT", help="Why, in your words."),
    ):
        function = option(function)
    return function


@click.command(cls=Command, example='trueup data add data/images -m "New month"')
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--name", default="", help="The dataset; by default the one there, or as the path.")
@_keeping
@click.option(
    "--read-all", is_flag=True, help="Read unchanged files, too; put back what the store lost."
)
@output.as_option
@output.json_option
def add(
    paths: tuple[str, ...],
    name: str,
    read_all: bool,
    message: str,
    links: Links,
    allow_clashes: bool,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Keep files or folders: each as a new version of the dataset that it is.

    Files of any kind may be kept. Content that did not change gives the version there is.
    Folders without files are no content; `.git` and `.trueup` are left out.
    """
    if name and len(paths) > 1:
        raise UsageError(
            "command-line",
            f"--name names one dataset, but {plural(len(paths), 'path')} are given.",
            hint=f"trueup data add {paths[0]} --name {name}",
        )
    from trueup.lifecycle.data.taking import How

    with output.here() as workspace, Counting("looked at") as counting:
        actor = workspace.speaking_as(speaker)
        how = How(links, allow_clashes, message, dry_run, read_all, counting.tell)
        known = {version.ref for version in workspace.datasets.newest(actor)}
        given = [_inside(workspace, path) for path in paths]
        taken = [workspace.datasets.add(actor, path, workspace.root, name, how) for path in given]
    begun = [each.path for each in taken if each.ref not in known and not each.parents]
    kept_out = [] if dry_run or as_json else _out_of_git(workspace.root, begun)
    _report(taken, known, kept_out, dry_run=dry_run, as_json=as_json)


@click.command(cls=Command, example="trueup data snapshot lumps")
@click.argument("name")
@_keeping
@output.as_option
@output.json_option
def snapshot(
    name: str,
    message: str,
    links: Links,
    allow_clashes: bool,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Keep a dataset as it is now; unchanged content gives the version there is."""
    from trueup.lifecycle.data.taking import How

    wanted = of_kind(name, "data")
    with output.here() as workspace, Counting("looked at") as counting:
        actor = workspace.speaking_as(speaker)
        how = How(links, allow_clashes, message, dry_run, progress=counting.tell)
        known = {version.ref for version in workspace.datasets.newest(actor)}
        taken = [workspace.datasets.snapshot(actor, wanted.name, workspace.root, how)]
    _report(taken, known, [], dry_run=dry_run, as_json=as_json)


@click.command(cls=Command, example="trueup data checkout images@3")
@click.argument("reference", metavar="DATASET[@VERSION]")
@click.option("--force", is_flag=True, help="Overwrite changed files that are kept nowhere.")
@click.option(
    "--link",
    type=click.Choice(("copy", "hard", "symbolic")),
    default="copy",
    show_default=True,
    help="How files hold their bytes; linked ones are read-only.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@output.json_option
def checkout(reference: str, force: bool, link: Link, dry_run: bool, as_json: bool) -> None:
    """Make the files of a dataset those of a version or a branch.

    Files that changed and are kept in no version are never overwritten without --force. Run it
    again after an interruption: it goes on where it stopped.
    """
    wanted = of_kind(reference, "data")
    with output.here() as workspace, Counting("written") as counting:
        moves = workspace.datasets.checkout(
            workspace.owner,
            wanted.name,
            workspace.root,
            wanted.selector,
            force=force,
            link=link,
            dry_run=dry_run,
            progress=counting.tell,
        )
    if as_json:
        output.emit_json(moves)
        return
    would = "would be " if dry_run else ""
    output.show(
        f"{moves.ref}  {plural(len(moves.written), 'file')} {would}written ({size(moves.size)}), "
        f"{len(moves.removed):,} {would}removed, {moves.same:,} right already"
    )
    for path in moves.left[:_MOST_SHOWN]:
        output.say("left as it is, because no version has it: {}", path)
    output.next_step(f"trueup data status {wanted.name}")


def _inside(workspace: Workspace, path: str) -> str:
    """A path as the user wrote it, relative to the project."""
    if not path:  # an unset variable of a shell, hardly ever the whole folder
        raise UsageError("command-line", "An empty path names no file.", hint="ls")
    return os.path.relpath(Path.cwd() / path, workspace.root)


def _report(
    taken: Sequence[DatasetVersion],
    known: set[str],
    kept_out: Sequence[str],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    if as_json:
        output.emit_json(taken[0] if len(taken) == 1 else taken)
        return
    for version in taken:
        note = "as before" if version.ref in known else held(version)
        would = "  (nothing was kept)" if dry_run and version.ref not in known else ""
        output.show(f"{version.ref}  {short(version.digest)}  {note}{would}")
    if dry_run:
        output.next_step(f"trueup data add {taken[0].path}")
    else:
        if kept_out:
            output.say("Git keeps these files as well, or would: the next line leaves them to us.")
        output.next_step(*kept_out, f"trueup data show {taken[0].ref}", "trueup run")


def _out_of_git(root: Path, paths: Sequence[str]) -> list[str]:
    """What to paste so that Git does not keep, beside us, what begins to be kept here."""
    from trueup.lifecycle.pipeline.code import source

    found = []
    for path in paths:
        standing = source.standing_of(root, path)
        ignored = f"echo {shlex.quote(f'/{path}')} >> .gitignore"
        if standing == "tracked":
            found.append(f"git rm -rq --cached {shlex.quote(path)} && {ignored}")
        elif standing == "untracked":
            found.append(ignored)
    return found


def held(version: DatasetVersion) -> str:
    """What a version holds, in a few words."""
    if version.rows is not None:
        return plural(version.rows, "row")
    return f"{plural(version.files, 'file')}, {size(version.size)}"
