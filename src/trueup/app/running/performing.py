"""Runs in processes of their own: the scheduler starts them here, and goes on with its duties.

The child sees to one request from its beginning to its end. It outlives a scheduler that dies: the
next one finds it at work, and starts the request again only when its run is lost.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.actor import Actor, service
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import InternalError, NotFoundError, TrueupError
from trueup.lifecycle.runs import process
from trueup.lifecycle.runs.records import Cause
from trueup.lifecycle.runs.requests.records import RunRequest

_PATIENCE_S: Final = 10.0


def actor_of(run: str) -> Actor:
    """Who performs a run that nobody performs by hand; all events of the run bear its name."""
    return service("automation", on_behalf_of=f"run:{run}")


class Performers:
    """The child processes that this process started."""

    def __init__(self, root: Path, logs: Path) -> None:
        self._root = root
        self._logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, request: RunRequest) -> None:
        """Start a child that sees to a request."""
        command = [sys.executable, "-m", "trueup.app.running.performing", request.run]
        log = make_private(self._logs) / f"{request.run}.log"
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._children[request.run] = subprocess.Popen(  # noqa: S603 - this program itself
                command,
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # Ctrl-C on the terminal is for the scheduler, which stops its children in order.
                start_new_session=True,
            )
        finally:
            os.close(out)

    def reap(self) -> list[str]:
        """The runs whose children have ended since the last time."""
        ended = [run for run, child in self._children.items() if child.poll() is not None]
        for run in ended:
            del self._children[run]
        return ended

    def stop(self) -> list[str]:
        """Interrupt all children, wait for them, kill what does not end; returns their runs."""
        stopped, self._children = self._children, {}
        for child in stopped.values():
            _signal(child, signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE_S
        for child in stopped.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.wait()
        return list(stopped)


def perform(workspace: Workspace, run: str) -> int:
    """See to a request in this process; returns the exit code."""
    actor = actor_of(run)
    request = workspace.requests.take_over(actor, run)
    try:
        with process.beating(lambda: workspace.requests.beat(actor, run)):
            parameters = dict(request.parameters)
            if request.partition:
                parameters["partition"] = request.partition
            train(
                workspace,
                actor,
                request.pipeline,
                parameters,
                cause=Cause(
                    by=request.cause,
                    reason=request.reason,
                    run=run,
                    partition=request.partition,
                ),
            )
    except TrueupError as error:
        _fail(workspace, run, error)
        return error.exit_code
    except Exception as error:
        _fail(workspace, run, InternalError("internal", f"{type(error).__name__}: {error}"))
        raise
    return 0


def _fail(workspace: Workspace, run: str, error: TrueupError) -> None:
    """Record a failure from before the run began; one of the run itself is on record."""
    actor = actor_of(run)
    try:
        workspace.runs.show(actor, run)
    except NotFoundError:
        with suppress(TrueupError):  # it is another process's by now
            if error.code == "git-dirty":  # somebody is editing: later it may be committed
                workspace.requests.postpone(actor, run, error)
            else:
                workspace.requests.fail(actor, run, error)


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a child and all that it started: it leads a process group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def main(arguments: list[str], opened: Callable[[Path], Workspace] = open_workspace) -> int:
    """Perform the run named on the command line, in the project of the current folder."""
    (run,) = arguments
    with opened(Path.cwd()) as workspace:
        try:
            return perform(workspace, run)
        except TrueupError as error:
            print(error.message, file=sys.stderr)  # noqa: T201 - the log of the run
            return error.exit_code
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
