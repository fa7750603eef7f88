"""One lock between those who keep blobs and those who throw them away.

Keepers share it: two never wait for each other. A collector has it alone, so that nothing is thrown
away between the moment its bytes are found to be there and the moment a version names them. The
system releases it when a process dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trueup.foundation.configuration import HOME, make_private
from trueup.foundation.errors import BackendError, ConflictError

_WAIT_SECONDS: Final = 10.0
_EVERY_SECONDS: Final = 0.02


@contextmanager
def keeping(root: Path) -> Iterator[None]:
    """Hold off collectors: from before the first byte is kept until a version names it."""
    with _held(root, fcntl.LOCK_SH):
        yield


@contextmanager
def collecting(root: Path, wait: float = _WAIT_SECONDS) -> Iterator[None]:
    """Hold off everybody who keeps data.

    Raises:
        ConflictError: Somebody has been keeping data for all of the time to wait.
    """
    with _held(root, fcntl.LOCK_EX, time.monotonic() + wait):
        yield


@contextmanager
def _held(root: Path, how: int, until: float | None = None) -> Iterator[None]:
    file = make_private(root.resolve() / HOME) / "keeping.lock"
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackendError(
            "folder-not-writable",
            f"The lock {file} cannot be opened: {error.strerror}.",
            hint=f"chmod u+rw '{file}'",
        ) from error
    try:
        while until is not None:
            try:
                fcntl.flock(handle, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ConflictError(
                        "data-busy",
                        "Somebody is keeping data right now, so nothing may be thrown away.",
                        hint="wait for the other trueup command, then run this again",
                    ) from None
                time.sleep(_EVERY_SECONDS)
        else:
            fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
