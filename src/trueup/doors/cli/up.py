"""`trueup up`: pages, API, predictions and the scheduler in one process."""

from __future__ import annotations

import sys
import threading
from typing import Any

import click

from trueup.app.answering import open_answering
from trueup.app.scheduler import Scheduler
from trueup.doors.cli import output
from trueup.doors.cli.grammar import Command
from trueup.doors.cli.serve import DEFAULT_PORT, show_places, told_failure
from trueup.doors.mlflow import application as mlflow
from trueup.doors.web import application as web
from trueup.lifecycle.serving import server
from trueup.lifecycle.serving.application import Application


class Combined:
    """Each request to the door that its path belongs to; the rest are pages and the API."""

    def __init__(self, predictions: Application, tracking: Any, pages: Any) -> None:
        self._predictions = predictions
        self._tracking = tracking
        self._pages = pages

    @property
    def draining(self) -> bool:
        """Whether it is about to stop."""
        return self._predictions.draining

    @draining.setter
    def draining(self, is_draining: bool) -> None:
        self._predictions.draining = is_draining

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if path in ("/v2", "/metrics") or path.startswith("/v2/"):
            await self._predictions(scope, receive, send)
        elif mlflow.is_ours(path):
            await self._tracking(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def close(self) -> None:
        """Seal the journal."""
        self._predictions.close()


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
@output.json_option
def command(
    port: int, hosts: tuple[str, ...], until_stdin_closes: bool, artifacts: str, as_json: bool
) -> None:
    """Open the pages, the API, predictions and the scheduler, on this machine (127.0.0.1).

    The scheduler evaluates monitors when they are due, runs scheduled pipelines, and reacts to
    approvals and breaches. Ctrl-C finishes what is under way.
    """
    with output.here(artifacts=artifacts) as workspace:
        answering = open_answering(workspace, on_failure=told_failure)
        tracking = mlflow.guarded(workspace, hosts)
        combined = Combined(answering.application, tracking, web.create(workspace, hosts=hosts))
        stop = threading.Event()
        scheduler = threading.Thread(
            target=Scheduler(workspace, lambda text: output.say("{}", text)).run,
            args=(stop,),
            name="trueup-scheduler",
        )

        def listening(url: str) -> None:
            scheduler.start()
            if as_json or not sys.stdout.isatty():
                server.say_listening(url)
            else:
                output.say("Trueup is up at [bold]{}[/]. Ctrl-C stops.", url)
                show_places(workspace, url)

        try:
            server.serve(
                combined,
                port=port,
                stop_when_stdin_closes=until_stdin_closes,
                on_listening=listening,
            )
        finally:
            stop.set()
            answering.close()
            if scheduler.is_alive():
                scheduler.join()
    output.say("Stopped: everything under way was answered and recorded.")
