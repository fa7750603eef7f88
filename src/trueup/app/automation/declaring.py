"""What the project's pipelines declare: schedules and triggers, read in a process of its own.

Importing the user's files can fail, hang or end a process; the scheduler's must live.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.runs.schedules.records import Declared

_LONGEST_S: Final = 120.0
# A file outside of `pipelines/` may say something else by now: after so long it is read again.
_FRESH_S: Final = 600.0

_Stamp = tuple[tuple[str, int, int], ...]


class Survey(Record):
    """What was found in `pipelines/*.py`.

    Attributes:
        declared: Every pipeline that could be had.
        problems: What is wrong, by file.
    """

    declared: tuple[Declared, ...] = ()
    problems: dict[str, str] = {}


class Declarations:
    """The declarations of one project; the files are imported again only when they changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stamp: _Stamp | None = None
        self._read_at = 0.0
        self._survey = Survey()
        self._lock = threading.Lock()

    def read(self) -> Survey:
        """What the files declare now."""
        with self._lock:  # pages are made in several threads
            stamp = _stamp(self._root)
            if stamp != self._stamp or time.monotonic() - self._read_at > _FRESH_S:
                self._survey = _in_child(self._root, self._survey) if stamp else Survey()
                self._stamp, self._read_at = stamp, time.monotonic()
            return self._survey


def of(pipeline: Pipeline[..., object]) -> Declared:
    """What the decorator of a pipeline declares."""
    return Declared(
        pipeline=pipeline.name,
        schedule=pipeline.schedule,
        timezone=pipeline.timezone,
        catch_up=pipeline.catch_up,  # type: ignore[arg-type]
        on=pipeline.on,
        partitions=pipeline.partitions,
    )


def survey(root: Path) -> Survey:
    """Import the files in this process and say what they declare."""
    found, problems = discovery.survey(root)
    return Survey(
        declared=tuple(of(pipeline) for _, pipeline in sorted(found.items())),
        problems={file: problem.message for file, problem in problems.items()},
    )


def _in_child(root: Path, before: Survey) -> Survey:
    """Read in a child; when it dies or hangs, what was known before still counts."""
    command = [sys.executable, "-m", "trueup.app.automation.declaring"]
    try:
        done = subprocess.run(  # noqa: S603 - this program itself, without arguments
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_S,
            check=False,
        )
        return decode(done.stdout, Survey)
    except subprocess.TimeoutExpired:
        why = f"importing it took longer than {_LONGEST_S:.0f} s"
    except msgspec.DecodeError:
        why = f"importing it ended the process (exit code {done.returncode})"
    return Survey(declared=before.declared, problems={f"{discovery.FOLDER}/": why})


def _stamp(root: Path) -> _Stamp:
    found = []
    for path in sorted(root.glob(f"{discovery.FOLDER}/**/*.py")):
        try:
            status = path.stat()
        except OSError:  # it went away just now
            continue
        found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


def main() -> None:
    """Write the survey of the current folder to standard output, as JSON."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what the user's files print is no part of the answer
    with os.fdopen(answer, "wb") as out:
        out.write(encode(survey(Path.cwd())))


if __name__ == "__main__":
    main()
