"""`trueup init`: a project that runs as it is."""

from __future__ import annotations

from pathlib import Path

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.text import plural


@click.command(cls=Command, example="git init && trueup init")
@click.option("--no-commit", is_flag=True, help="Write the files, but commit nothing.")
@output.json_option
def command(no_commit: bool, as_json: bool) -> None:
    """Start a project in this Git repository.

    Writes a commented trueup.toml, an example pipeline with its data, and a test, and commits
    exactly these files. Nothing that exists is overwritten.
    """
    from trueup.app.starting import start

    started = start(Path.cwd(), commit=not no_commit)
    if as_json:
        output.emit_json(started)
        return
    for name in started.written:
        output.show(f"  {name}")
    where = f"and committed them as {started.commit[:7]}" if started.commit else "(not committed)"
    output.say("\nWrote {} {}.", plural(len(started.written), "file"), where)
    commit = [] if started.commit else ['git add . && git commit -m "Start a Trueup project"']
    output.next_step(*commit, "trueup run", "trueup status")
