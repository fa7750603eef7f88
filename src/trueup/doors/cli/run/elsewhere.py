"""`trueup run --server URL`: a run on another machine, whose log and exit code are ours."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final, NamedTuple

import click
import msgspec

from trueup.app.ci import surroundings
from trueup.app.running.elsewhere import Server, Wanted
from trueup.app.running.logs import LogLine
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.parameters import pairs
from trueup.foundation.errors import TrueupError, UsageError
from trueup.lifecycle.runs.records import RunDetail
from trueup.state.outbound import Outbound

TOKEN: Final = "TRUEUP_TOKEN"  # noqa: S105 (the name of a variable)
_EXIT: Final = {"finished": 0, "failed": 7}  # all else was stopped, as for Ctrl-C here


class Asked(NamedTuple):
    """What the command line asks for."""

    pipeline: str
    given: tuple[str, ...]
    partition: str = ""
    is_plain: bool = True  # without options that only a run here can have


def command(server: str, asked: Asked, *, wait: bool, as_json: bool) -> int:
    """Have a server run a pipeline; with `wait` print its log and end as it ends.

    In a build the run is asked for once per build, and knows it; when the build is aborted, the
    run is cancelled. The token for whoever stands before the server is read from TRUEUP_TOKEN.
    """
    if not asked.pipeline:
        raise UsageError(
            "pipeline-unnamed",
            "A server has many pipelines: name the one that is to run.",
            hint=f"trueup run NAME --server {server}",
        )
    if not asked.is_plain or ".." in asked.partition:
        raise UsageError(
            "run-options",
            "A run of a server takes parameters and one partition; all else is for runs here.",
            hint=f"trueup run {asked.pipeline} --server {server}",
        )
    cause = surroundings.cause(os.environ)
    wanted = Wanted(
        pipeline=asked.pipeline,
        parameters={name: _value(text) for name, text in pairs(asked.given).items()},
        partition=asked.partition,
        reason=cause.reason,
        key=cause.by[:80],
    )
    with Outbound() as http:
        there = Server(server, os.environ.get(TOKEN, ""), http)
        request = there.ask(wanted)
        output.say("{} is asked for at {}.", request.ref, server)
        if not wait:
            if as_json:
                output.emit_json(request)
            return 0
        tell = _unheard if as_json else _print
        try:
            detail = there.follow(request, tell, lambda why: output.say("It waits: {}", why))
        except KeyboardInterrupt:
            with suppress(TrueupError):
                there.cancel(request.run, "whoever waited for it was stopped")
            raise
    return _report(detail, as_json)


def _report(detail: RunDetail, as_json: bool) -> int:
    run = detail.run
    if as_json:
        output.emit_json(detail)
    elif run.error is not None:
        output.say("\n{} {}: {}", run.ref, run.state, run.error.message)
    else:
        output.say("\n{} {}.", run.ref, run.state)
    return _EXIT.get(run.state, 130)


def _value(text: str) -> object:
    """A value as JSON where it is any, else as text; for the text 7 write '"7"'."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _print(line: LogLine) -> None:
    click.echo(f"{line.step} | {line.text}")


def _unheard(_line: LogLine) -> None:
    """Say nothing: data alone goes to stdout."""
