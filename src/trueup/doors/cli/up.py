"""`trueup up`: pages, API, predictions and the scheduler in one process."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.serve import DEFAULT_PORT, show_places, told_failure
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command

if TYPE_CHECKING:
    from trueup.doors.combined import App, Draining


@click.command(cls=Command, example="trueup up --port 8080")
@click.option(
    "--port",
    default=DEFAULT_PORT,
    type=click.IntRange(0, 65535),
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--host-name",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Also answer to this host name; may be repeated.",
)
@click.option(
    "--until-stdin-closes",
    is_flag=True,
    help="Also stop when standard input is closed: no server outlives who started it.",
)
@click.option(
    "--mlflow-artifact-root",
    "artifacts",
    default="",
    metavar="URI",
    help="Folder (file://…) that MLflow's clients write files to by themselves.",
)
@click.option(
    "--mlflow-spool",
    "target",
    default="",
    metavar="URL",
    help="Also send what MLflow's clients log here to this server, whenever it can be reached.",
)
@click.option(
    "--require-sign-in",
    "must_sign_in",
    is_flag=True,
    help="Answer nobody without a token: trueup people token add NAME.",
)
@output.json_option
def command(
    port: int,
    hosts: tuple[str, ...],
    until_stdin_closes: bool,
    artifacts: str,
    target: str,
    must_sign_in: bool,
    as_json: bool,
) -> None:
    """Open the pages, the API, predictions and the scheduler, on this machine (127.0.0.1).

    The scheduler evaluates monitors when they are due, runs scheduled pipelines, and reacts to
    approvals and breaches. Ctrl-C finishes what is under way.
    """
    from trueup.app.automation import standby, telling
    from trueup.doors.combined import Combined, Later
    from trueup.doors.mlflow import application as mlflow
    from trueup.lifecycle.serving.server import process as server
    from trueup.lifecycle.serving.server.fronts import Uvicorn
    from trueup.state import eventlog

    with output.here(artifacts=artifacts) as workspace, ExitStack() as opened:
        entrance = workspace.entrance(is_required=must_sign_in)

        def predictions() -> Draining:
            from trueup.app.answering import open_answering

            asked = entrance if must_sign_in else None
            answering = open_answering(
                workspace,
                on_failure=told_failure,
                entrance=asked,
                hosts=["*"] if must_sign_in else hosts,
            )
            opened.callback(answering.close)
            return answering.application

        def pages() -> App:
            from trueup.doors.api.access import signed_in
            from trueup.doors.web import application as web

            return web.create(workspace, who=signed_in(entrance), hosts=hosts)

        tracking: App = mlflow.guarded(workspace, hosts, entrance)
        if target:
            from trueup.app.running.spooling import spooling
            from trueup.doors.mlflow.spooling import Spooling

            tracking = Spooling(
                tracking, workspace, opened.enter_context(spooling(workspace, target))
            )
        combined = Combined(Later(predictions), tracking, Later(pages))
        with workspace.state.read(workspace.owner) as connection:
            has_releases = bool(eventlog.latest(connection, 1, type_="release.*"))
        if has_releases:  # it is up when it answers
            combined.predictions.open()
        stop = threading.Event()
        opened.callback(stop.set)
        given = (workspace, lambda text: output.say("{}", text), stop)
        attending = [
            threading.Thread(target=standby.attend, args=given, name="trueup-scheduler"),
            threading.Thread(target=telling.attend, args=given, name="trueup-webhooks"),
        ]

        def listening(url: str) -> None:
            for thread in attending:
                thread.start()
            if as_json or not sys.stdout.isatty():
                server.say_listening(url)
            else:
                output.say("Trueup is up at [bold]{}[/]. Ctrl-C stops.", url)
                if has_releases:
                    show_places(workspace, url)
                else:
                    output.say("Nothing is released yet; what is released later is served.")
                    output.next_step(f"export MLFLOW_TRACKING_URI={url}", "trueup status")

        try:
            server.serve(
                combined,
                lambda: Uvicorn(combined),
                port=port,
                stopping=server.Stopping(when_stdin_closes=until_stdin_closes),
                on_listening=listening,
            )
        finally:
            opened.close()
            for thread in attending:
                if thread.is_alive():
                    thread.join()
    output.say("Stopped: everything under way was answered and recorded.")
