"""`trueup serve`: the prediction server, and nothing else."""

from __future__ import annotations

import ipaddress
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trueup.app.wiring import Workspace
    from trueup.lifecycle.models.records import ModelVersion
    from trueup.lifecycle.serving.server.application import Application
    from trueup.lifecycle.serving.server.fronts import Answering, Front
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
@click.option(
    "--address",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than this machine's own need --require-sign-in.",
)
@click.option(
    "--host-name",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Also answer to this host name; may be repeated.",
)
@click.option(
    "--require-sign-in",
    "must_sign_in",
    is_flag=True,
    help="Answer nobody without a token: trueup people token add NAME --scope predict:DEPLOYMENT.",
)
@click.option(
    "--http",
    default="trueup",
    type=click.Choice(["trueup", "uvicorn", "granian"]),
    show_default=True,
    help="What speaks HTTP.",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    help="Also speak gRPC, at this port; needs trueup\\[grpc].",
)
@click.option(
    "--access-log",
    default="",
    metavar="FILE",
    help="Write a line of JSON for each request; - for standard output.",
)
@click.option(
    "--access-log-share",
    default=1.0,
    type=click.FloatRange(0, 1),
    show_default=True,
    help="Share of the requests that are logged; those that failed always are.",
)
@click.option(
    "--traces",
    is_flag=True,
    help="Send traces by OpenTelemetry to where OTEL_EXPORTER_OTLP_ENDPOINT says.",
)
@output.json_option
def command(until_stdin_closes: bool, as_json: bool, **given: Any) -> None:
    """Serve predictions only.

    Follows releases as they happen. Every prediction is on disk before it is answered. Ctrl-C or
    SIGTERM finishes what is under way; a second one hurries. Where stdout is no terminal it prints
    one line of JSON with the address.
    """
    from trueup.lifecycle.serving.server import process as server
    from trueup.lifecycle.serving.workers.place import own_place

    asked = _Asked(**given)
    _check(asked)
    place = own_place()
    with output.here() as workspace:
        if place is not None:
            _work(workspace, asked, place)
            return

        def listening(url: str) -> None:
            if as_json or not sys.stdout.isatty():
                server.say_listening(url)
            else:
                output.say("Serving predictions at [bold]{}[/]. Ctrl-C stops.", url)
                show_places(workspace, url)

        stopping = server.Stopping(when_stdin_closes=until_stdin_closes, delay_s=asked.drain_delay)
        run = _serve if asked.workers == 1 else _supervise
        run(workspace, asked, stopping, listening)
    output.say("Stopped: everything under way was answered and recorded.")


class _Asked(NamedTuple):
    """What the command line says."""

    port: int
    workers: int
    drain_delay: float
    address: str
    hosts: tuple[str, ...]
    must_sign_in: bool
    http: str
    grpc_port: int | None
    access_log: str
    access_log_share: float
    traces: bool

    def of_worker(self) -> list[str]:
        """What a worker has to know of it."""
        words = [f"--http={self.http}", f"--access-log={self.access_log}"]
        words += [f"--access-log-share={self.access_log_share}"]
        words += [f"--host-name={name}" for name in self.hosts]
        words += ["--require-sign-in"] * self.must_sign_in
        return words + ["--traces"] * self.traces


def _check(asked: _Asked) -> None:
    if asked.http == "granian" and asked.workers > 1:
        raise UsageError(
            "http-alone",
            f"{asked.workers} workers cannot share one socket through Granian.",
            hint=f"trueup serve --workers {asked.workers}",
        )
    if asked.grpc_port is not None and asked.workers > 1:
        raise UsageError(
            "grpc-alone",
            f"{asked.workers} workers cannot share a port for gRPC.",
            hint=f"trueup serve --grpc-port {asked.grpc_port}",
        )
    if not asked.must_sign_in and not _is_own(asked.address):
        raise UsageError(
            "address-open",
            f"At {asked.address} other machines reach the server, and nobody has to sign in.",
            hint=f"trueup serve --address {asked.address} --require-sign-in",
        )


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _application(
    workspace: Workspace, asked: _Asked, opened: ExitStack, rates: int | None = None
) -> Application:
    from trueup.app.answering import open_application
    from trueup.lifecycle.serving import tracing
    from trueup.lifecycle.serving.server.access import AccessLog
    from trueup.lifecycle.serving.server.http import ANY_HOST

    if asked.traces:
        tracing.enable()
    log = None
    if asked.access_log:
        try:
            log = AccessLog(asked.access_log, asked.access_log_share)
        except OSError as error:
            raise UsageError(
                "access-log-unwritable",
                f"The access log {asked.access_log} cannot be written: {error.strerror}.",
                hint="trueup serve --access-log -",
            ) from error
        opened.callback(log.close)
    application = open_application(
        workspace,
        entrance=workspace.entrance(is_required=True) if asked.must_sign_in else None,
        # Who has to sign in is no stranger's page.
        hosts=[ANY_HOST] if asked.must_sign_in else asked.hosts,
        rates=rates,
    )
    application.access = log
    return application


def _front(asked: _Asked) -> Callable[[Answering], Front]:
    from trueup.lifecycle.serving.rpc.front import Both, Grpc
    from trueup.lifecycle.serving.server import fronts

    known: dict[str, Callable[[Answering], Front]] = {
        "trueup": fronts.Own,
        "uvicorn": fronts.Uvicorn,
        "granian": fronts.Granian,
    }
    if asked.grpc_port is None:
        return known[asked.http]
    port = asked.grpc_port
    return lambda application: Both(
        known[asked.http](application), Grpc(application, asked.address, port)
    )


def _serve(
    workspace: Workspace, asked: _Asked, stopping: Stopping, listening: Callable[[str], None]
) -> None:
    from trueup.app.answering import follow
    from trueup.lifecycle.serving.server import process as server

    with ExitStack() as opened:
        application = _application(workspace, asked, opened)
        follower = follow(workspace, application, on_failure=told_failure)
        opened.callback(follower.stop)
        follower.refresh()
        follower.start()
        server.serve(
            application,
            lambda: _front(asked)(application),
            asked.address,
            asked.port,
            stopping=stopping,
            on_listening=listening,
        )


def _supervise(
    workspace: Workspace, asked: _Asked, stopping: Stopping, listening: Callable[[str], None]
) -> None:
    from trueup.app.answering import follow
    from trueup.lifecycle.serving.workers.supervising import supervise

    supervise(
        [sys.executable, "-m", "trueup", "serve", *asked.of_worker()],
        asked.workers,
        lambda fleet: follow(workspace, fleet, on_failure=told_failure),
        asked.address,
        asked.port,
        tell=lambda text: output.say("[yellow]warning:[/] {}", text),
        stopping=stopping,
        on_listening=listening,
    )


def _work(workspace: Workspace, asked: _Asked, place: Place) -> None:
    """Be one of several workers."""
    from trueup.lifecycle.serving.following.registry import Registry
    from trueup.lifecycle.serving.workers.worker import serve

    with ExitStack() as opened:
        application = _application(workspace, asked, opened, place.rates)
        serve(application, Registry(workspace.state).load, place, _front(asked))


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
