"""How much memory a loaded model takes, and whether the next one would fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from trueup.foundation.errors import BackendError
from trueup.foundation.text import size

_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
# What a file becomes in memory: the bytes that were read, and the objects made of them.
_GROWS: Final = 2


def resident(process: str = "self") -> int:
    """Bytes of memory that a process holds now; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def free() -> int | None:
    """Bytes that this process could still get; None where the system does not say."""
    found = [room for room in (_of_machine(), _of_group()) if room is not None]
    return min(found) if found else None


def check_room(model_ref: str, file_bytes: int, limit: int) -> None:
    """Refuse to load a file that would not fit, before a byte of it is read.

    Args:
        model_ref: The model version.
        file_bytes: Size of its file.
        limit: Most bytes that this process may hold; 0 for what the machine has.

    Raises:
        BackendError: It would not.
    """
    needs = file_bytes * _GROWS
    room = free()
    if limit:
        left = max(0, limit - resident())
        if needs > left:
            raise too_large(model_ref, f"needs about {size(needs)}", limit)
    if room is not None and needs > room:
        raise too_large(model_ref, f"needs about {size(needs)}; {size(room)} are free", 0)


def check_held(model_ref: str, limit: int) -> None:
    """Refuse a model after whose loading this process holds too much.

    Raises:
        BackendError: It does.
    """
    held = resident()
    if limit and held > limit:
        raise too_large(model_ref, f"made the server hold {size(held)}", limit)


def too_large(model_ref: str, how: str, limit: int) -> BackendError:
    """The error for a model that does not fit."""
    allowed = f", and the plan lets this server hold {size(limit)}" if limit else ""
    return BackendError(
        "model-too-large",
        f"The model {model_ref} {how}{allowed}.",
        hint="trueup explain model-too-large",
        context={"model": model_ref},
    )


def _of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _of_group() -> int | None:
    """What the container that this process runs in has left."""
    try:
        most = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text()
        return None if most == "max" else max(0, int(most) - int(used))
    except (OSError, ValueError):
        return None
