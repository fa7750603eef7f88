"""Which version of each dataset the project's own files are: one small file a dataset.

This belongs to the folder, not to the database, which several work trees may share.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from trueup.foundation.configuration import HOME, make_private
from trueup.foundation.errors import BackendError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.data.records import MAIN


class Position(Record, kw_only=True):
    """Where the files of a dataset stand.

    Attributes:
        branch: The branch on which the next version is made.
        version: The version that the files are, apart from changes since; 0 for none yet.
        digest: Its manifest.
        becoming: Manifest of the version that a checkout is writing; empty when none is under way.
    """

    branch: str = MAIN
    version: int = 0
    digest: str = ""
    becoming: str = ""


def position(root: Path, dataset: str) -> Position:
    """Where the files of a dataset stand; at the beginning of `main` if nobody said."""
    try:
        return decode((_folder(root) / f"{dataset}.json").read_bytes(), Position)
    except FileNotFoundError:
        return Position()
    except (OSError, msgspec.MsgspecError) as error:
        raise BackendError(
            "worktree-unreadable",
            f"The note of which version of '{dataset}' lies here cannot be read: {error}.",
            hint=f"rm {HOME}/worktree/{dataset}.json   ",
        ) from error


def stand(root: Path, dataset: str, new: Position) -> None:
    """Note where the files of a dataset stand now; a crash leaves the old note or the new one."""
    import tempfile  # needed to write alone, and not quick to load

    folder = make_private(_folder(root))
    handle, aside = tempfile.mkstemp(dir=folder, prefix="incoming-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(encode(new))
            file.flush()
            os.fsync(handle)
        Path(aside).rename(folder / f"{dataset}.json")
    except OSError as error:
        Path(aside).unlink(missing_ok=True)
        raise BackendError(
            "worktree-unwritten",
            f"The note of which version of '{dataset}' lies here cannot be written: "
            f"{error.strerror or error}.",
            hint=f"df -h {HOME}",
        ) from error


def towards(here: Position, digest: str) -> Position:
    """Where the files stand while a checkout of a manifest is under way."""
    return Position(branch=here.branch, version=here.version, digest=here.digest, becoming=digest)


def _folder(root: Path) -> Path:
    return root.resolve() / HOME / "worktree"
