"""What a database refuses, in our words. Imported when it happens: SQLAlchemy comes with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from sqlalchemy import exc

from trueup.foundation.errors import BackendError, TrueupError, UsageError

_LEAST_ROOM: Final = 64 * 1024  # SQLite adds so much at once to the index of its log


def explained(error: Exception, shown: str, place: str, busy_seconds: float) -> TrueupError | None:
    """An error of the database as one of ours; None for one that is not of the database.

    Args:
        error: What was raised.
        shown: The database's URL without its password.
        place: Its file, or its name at a server.
        busy_seconds: How long was waited for others who write.
    """
    if not isinstance(error, exc.DBAPIError):
        return None
    detail = str(error.orig).splitlines()[0] if error.orig else str(error)
    if isinstance(error, exc.DataError):
        return UsageError(
            "value-unkeepable",
            f"The database can keep no such value: {detail}.",
            hint="trueup explain value-unkeepable",
        )
    if "not a database" in detail or "malformed" in detail:
        return BackendError(
            "database-damaged",
            f"The database {shown} is damaged: {detail}.",
            hint=f"restore it from a backup, or set it aside: mv '{place}' '{place}.damaged'",
        )
    if "locked" in detail:
        return BackendError(
            "database-busy",
            f"The database {shown} stayed locked by another process for {busy_seconds} s.",
            hint="wait for the other trueup command, then run this again",
        )
    if isinstance(error, exc.DatabaseError) and not isinstance(
        error, exc.IntegrityError | exc.ProgrammingError
    ):
        is_full = "disk is full" in detail or ("disk I/O error" in detail and _is_full(place))
        return BackendError(
            "disk-full" if is_full else "database-unusable",
            f"The database {shown} cannot be used: "
            + ("its disk has no room left." if is_full else f"{detail}."),
            hint=f"df -h '{place}'" if is_full else "trueup doctor",
        )
    return BackendError("database-refused", f"The database refused a write: {detail}.")


def _is_full(place: str) -> bool:
    """Whether the disk of a file has no room left: SQLite calls that an input or output error."""
    try:
        return shutil.disk_usage(Path(place).parent).free < _LEAST_ROOM
    except OSError:
        return False
