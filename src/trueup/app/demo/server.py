"""The demo's prediction server: a real process, `trueup serve`, that ends when the demo does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from trueup.foundation.errors import BackendError

_MOST_SAID: Final = 300


class Server:
    """`trueup serve` in the project's folder, on a free port of the loopback interface.

    Its standard input is a pipe that we hold: when we die, however we die, it drains and exits.
    """

    def __init__(self, project: Path, log: Path) -> None:
        self._log_path = log
        self._log = log.open("ab")
        self._log_begins = self._log.tell()
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
                f"The prediction server did not start{self._last_words()}",
                hint=f"tail '{self._log_path}'",
            ) from error

    def _last_words(self) -> str:
        """What it said of its end: behind an error come a hint and more."""
        with self._log_path.open("rb") as log:
            log.seek(self._log_begins)
            lines = log.read().decode(errors="replace").strip().splitlines()
        said = next((line for line in reversed(lines) if line.startswith("error: ")), "")
        said = said.removeprefix("error: ") or (lines[-1].strip() if lines else "")
        return f": {said[:_MOST_SAID]}" if said else "."

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
