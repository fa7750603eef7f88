"""`trueup ci`: files for Jenkins, GitHub and GitLab, and builds elsewhere."""

from __future__ import annotations

import os

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.doors.cli.terminal.parameters import pairs
from trueup.foundation.text import seconds


@click.group(cls=Group)
def command() -> None:
    """Files for servers that build, and builds elsewhere."""


def _writer(server: str, what: str) -> None:
    @command.command(server, example=f"trueup ci {server}")
    @click.option("--pipeline", default="", metavar="NAME", help="Which pipeline it runs.")
    @click.option("--print", "only_print", is_flag=True, help="Print the file, write nothing.")
    @click.option("--force", is_flag=True, help="Replace a file that is there.")
    @output.json_option
    def write(pipeline: str, only_print: bool, force: bool, as_json: bool) -> None:
        from trueup.app.ci import files
        from trueup.lifecycle.pipeline import discovery
        from trueup.lifecycle.pipeline.code import source
        from trueup.lifecycle.plan.service import surroundings

        with output.here() as workspace:
            root = workspace.root
            found = discovery.find(root, pipeline)
            requirements = files.requirements_of(root)
            text = files.text(
                server,
                found.name,
                found.model,
                requirements=requirements,
                pulls=bool(surroundings(root).remotes),
                branch=files.branch_of(root),
                folder=source.folder_of(root),
            )
        if only_print:
            click.echo(text, nl=False)
            return
        path, changed = files.write(files.place_of(root, server), server, text, force=force)
        shown = os.path.relpath(path, root)
        if as_json:
            output.emit_json({"file": shown, "changed": changed})
            return
        output.show(f"{shown}  {'written' if changed else 'as before'}")
        if not (root / requirements).is_file():
            output.say(
                "[yellow]note:[/] the build installs {}, which is not there yet: pip freeze > {}",
                requirements,
                requirements,
            )
        output.next_step(f"git add {shown}")

    write.help = what


_writer("jenkins", "Write a declarative Jenkinsfile that runs a pipeline and its gate.")
_writer("github", "Write a GitHub workflow that runs a pipeline and its gate.")
_writer("gitlab", "Write a GitLab file that runs a pipeline and its gate.")


@command.command("build", example="trueup ci build Team/train -p DEPTH=6")
@click.argument("name", metavar="NAME")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter.")
@click.option("--key", default="", metavar="TEXT", help="Name of this start: never built twice.")
@output.json_option
def build(name: str, given: tuple[str, ...], key: str, as_json: bool) -> int:
    """Start a Jenkins build, follow its log, and end as it ends.

    Ctrl-C stops the build, too. The exit code is 0 for success, 6 for unstable, 7 for the rest.
    """
    from trueup.foundation.identifiers import short_id
    from trueup.lifecycle.pipeline.steps import connecting, following

    parameters = pairs(given)
    with output.here() as workspace, connecting.outbound(workspace.root) as http:
        server = connecting.builds(workspace.root, http)
        tell = click.echo if not as_json else _unheard
        ended = following.follow(
            server, name, parameters, key or f"cli-{short_id()}", lambda text: tell(text, nl=False)
        )
    if as_json:
        output.emit_json(ended)
    else:
        output.say(
            "\n{} #{}: {} in {}", ended.job, ended.number, ended.result, seconds(ended.seconds)
        )
        output.say("{}", ended.url)
    return {"success": 0, "unstable": 6}.get(ended.result, 7)


def _unheard(_text: str, nl: bool) -> None:
    """Say nothing: data alone goes to stdout."""
