"""`trueup data import`: what DVC keeps becomes dataset versions."""

from __future__ import annotations

from pathlib import Path

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.digests import short
from trueup.foundation.text import plural, size


@click.command(cls=Command, example="trueup data import . --history")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the dataset, when PATH has one output.")
@click.option("--history", is_flag=True, help="One version per commit that changed an output.")
@output.as_option
@output.json_option
def command(path: Path, name: str, history: bool, speaker: str, as_json: bool) -> None:
    """Take over what DVC keeps: every output becomes a version of a dataset.

    PATH is a DVC repository, a folder in one, or one .dvc file. Bytes come from DVC's cache, or
    from the work tree where they match; each file is checked against its MD5. DVC's own files stay
    as they are.
    """
    from trueup.app.imports.dvc import import_dvc

    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        found = import_dvc(workspace, actor, path, name=name, history=history)
    if as_json:
        output.emit_json(found)
        return
    if found.versions:
        output.table(
            ("version", "path", "files", "size", "digest", "message"),
            [
                (v.ref, v.path, v.files, size(v.size), short(v.digest), v.message)
                for v in found.versions
            ],
        )
    if found.known:
        output.say("As before: {}.", ", ".join(found.known))
    for each in found.skipped:
        output.say("Not taken: {}: {}.", each.path, each.why)
    for lack in found.missing:
        what = plural(lack.files, "file") if lack.files else "the list of its files"
        at = f" at commit {lack.commit[:12]}" if lack.commit else ""
        output.say("Not taken: {}{}: DVC's cache lacks {}.", lack.path, at, what)
    mends = list(dict.fromkeys(lack.mend for lack in found.missing))
    if found.versions:
        mends.append(f"trueup data show {found.versions[-1].ref}")
    output.next_step(*(mends[:5] or ["trueup data list"]))
