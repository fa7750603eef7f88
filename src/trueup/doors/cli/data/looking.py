"""`trueup data list` and `show`: the versions that there are, and what one holds."""

from __future__ import annotations

from itertools import islice

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.digests import short
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import plural, size
from trueup.rendering import words

_MOST_FILES = 200


@click.command(cls=Command, example="trueup data list")
@output.json_option
def list_(as_json: bool) -> None:
    """List the newest snapshot of every dataset."""
    with output.here() as workspace:
        found = workspace.datasets.newest(workspace.owner)
        known = workspace.datasets.names(workspace.owner)
    if as_json:
        output.emit_json(found)
        return
    missing = [name for name in known if name not in {version.name for version in found}]
    rows = [(v.ref, v.rows, v.files, short(v.digest), v.taken_at, v.taken_by) for v in found]
    if rows:
        output.table(("snapshot", "rows", "files", "digest", "taken at", "by"), rows)
    if missing:
        output.say("Declared, but without a snapshot: {}.", ", ".join(missing))
        output.next_step(f"trueup data snapshot {missing[0]}")
    elif rows:
        output.next_step(f"trueup data show {found[0].ref}")
    else:
        output.say("The plan declares no dataset.")
        output.next_step("trueup explain dataset-not-found")


@click.command(cls=Command, example="trueup data show data:lumps@1")
@click.argument("reference", metavar="DATASET[@VERSION]")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one snapshot: its files, columns and rows."""
    wanted = of_kind(reference, "data")
    with output.here() as workspace:
        found = workspace.datasets.show(workspace.owner, wanted.name, wanted.selector)
        files, missing = [], ""
        try:
            files = list(islice(workspace.datasets.files(workspace.owner, found), _MOST_FILES))
        except NotFoundError as error:
            if error.code not in ("version-forgotten", "version-elsewhere"):
                raise
            missing = f"{error.message}  {error.hint}"
    if as_json:
        output.emit_json(found)
        return
    output.heading(found.ref)
    output.facts(
        {
            "files": found.files,
            "size": size(found.size),
            "rows": found.rows,
            "path": found.path,
            "branch": found.branch,
            "made from": ", ".join(f"data:{found.name}@{number}" for number in found.parents),
            "message": found.message,
            "digest": found.digest,
            "taken": f"{words.moment(found.taken_at)} by {found.taken_by}",
        }
    )
    output.blank()
    if missing:
        output.say("{}", missing)
    else:
        output.table(
            ("file", "size", "digest"), [(f.path, size(f.size), short(f.digest)) for f in files]
        )
    if files and found.files > len(files):
        output.say("And {} more.", plural(found.files - len(files), "file"))
    if found.columns:
        output.blank()
        output.table(("column", "type"), found.columns.items())
    output.next_step(f"trueup why {found.ref}")
