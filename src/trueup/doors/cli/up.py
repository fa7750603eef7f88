"""`trueup up`: pages, API, predictions and the scheduler in one process."""

from __future__ import annotations

import sys
import threading

import click

from trueup.doors.cli import output
from trueup.doors.cli.grammar import Command
from trueup.doors.cli.serve import DEFAULT_PORT, show_places, told_failure


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
    from trueup.app.answering import open_answering
    from trueup.app.scheduler import Scheduler
    from trueup.doors.combined import Combined
    from trueup.doors.mlflow import application as mlflow
    from trueup.doors.web import application as web
    from trueup.lifecycle.serving import server

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
