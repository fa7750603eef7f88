"""Who ships: a process of its own, started by the one that logs, and again when it is gone.

A process and no thread: shipping takes processor time and SQLAlchemy, and must outlive `kill -9`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from trueup.lifecycle.runs.logging import outbox

_SAYS: Final = "shipper.log"
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_EVERY_S: Final = 0.02


def ensure(place: Path) -> None:
    """Start a process that ships from an outbox, unless there is one."""
    if outbox.has_shipper(place) or not sys.executable:
        return
    try:
        with os.fdopen(os.open(place / _SAYS, _FLAGS, 0o600), "wb") as says:
            subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-P", "-m", "trueup", "runs", "ship", "--follow", str(place)],
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=says,
                stderr=says,
                start_new_session=True,  # Ctrl-C is for the training
            )
    except OSError:
        return  # no process to be had: what is in the outbox stays there for the next one


def wait(folder: Path, seconds: float) -> bool:
    """Wait until everything of a writer has been shipped; whether it was."""
    until = time.monotonic() + seconds
    while folder.exists():  # what was shipped is removed
        if outbox.shipped(folder).refused or time.monotonic() > until:
            return False
        time.sleep(_EVERY_S)
    return True
