"""`trueup serve`: the prediction server, and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command

if TYPE_CHECKING:
    from collections.abc import Callable

    from trueup.app.wiring import Workspace
    from trueup.lifecycle.models.records import ModelVersion
    from trueup.lifecycle.serving.server.process import Stopping
    from trueup.lifecycle.serving.workers.place import Place

_DATATYPES = {"number": "FP64", "integer": "INT64", "text": "BYTES", "boolean": "BOOL"}
DEFAULT_PORT = 8080


@click.command(cls=Command, example="trueup serve --port 8080")
@click.option(
    "--port",
    default=DEFAULT_PORT,
    type=click.IntRange(0, 65535),
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--until-stdin-closes",
    is_flag=True,
    help="Also stop when standard input is closed: no server outlives who started it.",
)
@click.option(
    "--workers",
    default=1,
    type=click.IntRange(1, 128),
    show_default=True,
    help="Processes that answer on this port together; each loads the models.",
)
@click.option(
    "--drain-delay",
    default=3.0,
    type=click.FloatRange(0, 3600),
    show_default=True,
    metavar="SECONDS",
    help="After SIGTERM, go on answering for so long while telling load balancers to go.",
)
@output.json_option
def command(
    port: int, until_stdin_closes: bool, workers: int, drain_delay: float, as_json: bool
) -> None:
    """Serve predictions only, on this machine (127.0.0.1).

    Follows releases as they happen. Every prediction is on disk before it is answered. Ctrl-C
    finishes what is under way. Where stdout is no terminal it prints one line of JSON with the
    address.
    """
    from trueup.lifecycle.serving.server import process as server
    from trueup.lifecycle.serving.workers.place import own_place

    stopping = server.Stopping(when_stdin_closes=until_stdin_closes, delay_s=drain_delay)
    with output.here() as workspace:

        def listening(url: str) -> None:
            if as_json or not sys.stdout.isatty():
                server.say_listening(url)
            else:
                output.say("Serving predictions at [bold]{}[/]. Ctrl-C stops.", url)
                show_places(workspace, url)

        place = own_place()
        if place is not None:
            _work(workspace, place)
            return
        if workers == 1:
            _serve(workspace, port, stopping, listening)
        else:
            _supervise(workspace, workers, port, stopping, listening)
    output.say("Stopped: everything under way was answered and recorded.")


def _serve(
    workspace: Workspace, port: int, stopping: Stopping, listening: Callable[[str], None]
) -> None:
    from trueup.app.answering import open_answering
    from trueup.lifecycle.serving.server import process as server
    from trueup.lifecycle.serving.server.fronts import Own

    answering = open_answering(workspace, on_failure=told_failure)
    try:
        server.serve(
            answering.application,
            lambda: Own(answering.application),
            port=port,
            stopping=stopping,
            on_listening=listening,
        )
    finally:
        answering.close()


def _supervise(
    workspace: Workspace,
    workers: int,
    port: int,
    stopping: Stopping,
    listening: Callable[[str], None],
) -> None:
    from trueup.lifecycle.serving.following.follower import Follower
    from trueup.lifecycle.serving.following.registry import Registry
    from trueup.lifecycle.serving.workers.supervising import supervise

    supervise(
        [sys.executable, "-m", "trueup", "serve"],
        workers,
        lambda fleet: Follower(Registry(workspace.state), fleet, on_failure=told_failure),
        port=port,
        tell=lambda text: output.say("[yellow]warning:[/] {}", text),
        stopping=stopping,
        on_listening=listening,
    )


def _work(workspace: Workspace, place: Place) -> None:
    """Be one of several workers."""
    from trueup.app.answering import open_application
    from trueup.lifecycle.serving.following.registry import Registry
    from trueup.lifecycle.serving.server.fronts import Own
    from trueup.lifecycle.serving.workers.worker import serve

    serve(open_application(workspace), Registry(workspace.state).load, place, Own)


def told_failure(deployment: str, error: Exception) -> None:
    """Say which deployment could not follow its release; it goes on with what it had."""
    if deployment:
        output.say("[yellow]warning:[/] {} keeps what it serves: {}", deployment, error)
    else:
        output.say("[yellow]warning:[/] no release is followed: {}", error)


def show_places(workspace: Workspace, url: str) -> None:
    """Print what is served, with a request to paste for the first of it."""
    actor = workspace.owner
    routes = {name: r for name, r in workspace.releases.routes(actor).items() if r.arms}
    if not routes:
        output.say("\nNothing is released yet; what is released later is served at once.")
        output.next_step("trueup status")
        return
    output.say("")
    for name, route in routes.items():
        arms = ", ".join(f"{arm.model_ref} {arm.weight:.0%}" for arm in route.arms)
        output.say("  {}  {}", name, arms)
    name, route = next(iter(routes.items()))
    model, _, number = route.arms[0].model_ref.partition("@")
    version = workspace.models.show(actor, model, number)
    output.say("\nAsk it:")
    output.words.print(_curl(workspace, f"{url}/v2/models/{name}/infer", version), markup=False)


def _curl(workspace: Workspace, url: str, version: ModelVersion) -> str:
    """A request with one of the rows that it was judged on."""
    from trueup.lifecycle.gates.service import ground_of
    from trueup.lifecycle.models.service import read_rows

    with workspace.state.read(workspace.owner) as connection:
        ground = ground_of(connection, version)
    assert ground is not None  # what is released was judged
    row = read_rows(workspace.state.blobs, ground.data).row(0, named=True)
    tensors = [
        {
            "name": column.name,
            "shape": [1],
            "datatype": _DATATYPES[column.kind],
            "data": [row[column.name]],
        }
        for column in version.manifest.signature.inputs
    ]
    lines = ",\n  ".join(msgspec.json.encode(tensor).decode() for tensor in tensors)
    body = f'{{"inputs": [\n  {lines}\n]}}'.replace("'", "\\u0027")  # a quote would end the word
    return f"curl -s {url} -H 'Content-Type: application/json' -d '{body}'"
