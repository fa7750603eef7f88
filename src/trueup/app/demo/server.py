"""The demo's prediction server: a real process, `trueup serve`, that ends when the demo does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from trueup.foundation.errors import BackendError


class Server:
    """`trueup serve` in the project's folder, on a free port of the loopback interface.

    Its standard input is a pipe that we hold: when we die, however we die, it drains and exits.
    """

    def __init__(self, project: Path, log: Path) -> None:
        self._log_path = log
        self._log = log.open("ab")
        self._process = subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-m", "trueup.doors.cli.main", "serve"),
                *("--port", "0", "--until-stdin-closes"),
            ],
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches the demo, which then stops the server
        )

    @cached_property
    def url(self) -> str:
        """Where it listens; waits until it does.

        Raises:
            BackendError: It ended instead.
        """
        line = self._process.stdout.readline() if self._process.stdout else b""
        try:
            return str(json.loads(line)["listening"])
        except (ValueError, KeyError) as error:
            raise BackendError(
                "server-not-started",
                "The prediction server did not start.",
                hint=f"tail '{self._log_path}'",
            ) from error

    def stop(self) -> None:
        """Let it finish what it has, seal its journal, and exit."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
