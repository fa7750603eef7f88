"""Where a project is and where its state lives: `trueup.toml`, `.trueup/`, `TRUEUP_*`.

Precedence: environment over default. The contents of `trueup.toml` belong to the plan stage.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from trueup.foundation.errors import BackendError, NotFoundError
from trueup.foundation.records import Record

FILE = "trueup.toml"
HOME = ".trueup"


class Settings(Record):
    """The places one installation works with.

    Attributes:
        root: The project's folder, the one that holds `trueup.toml`.
        home: The private state folder (`.trueup`), mode 0700.
        database: SQLAlchemy URL (`TRUEUP_DATABASE`).
        blobs: Blob store URL (`TRUEUP_BLOBS`).
        key: URL of the signing key (`TRUEUP_KEY`).
        artifacts: `file://` URI of a folder that MLflow's clients write files to by themselves
            (`trueup up --mlflow-artifact-root`); empty when they send them here.
    """

    root: Path
    home: Path
    database: str
    blobs: str
    key: str
    artifacts: str = ""

    @property
    def journal(self) -> Path:
        """The folder of the prediction journal."""
        return self.home / "journal"


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds `trueup.toml`.

    Raises:
        NotFoundError: There is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFoundError(
        "project-not-found",
        f"There is no {FILE} in {start.resolve()} or above it.",
        hint="trueup init",
    )


def settings_for(root: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the project in `root`."""
    env = os.environ if environment is None else environment
    home = root / HOME
    return Settings(
        root=root,
        home=home,
        database=env.get("TRUEUP_DATABASE") or f"sqlite:///{home / 'trueup.db'}",
        blobs=env.get("TRUEUP_BLOBS") or f"local://{home / 'blobs'}",
        key=env.get("TRUEUP_KEY") or f"file://{home / 'keys' / 'signing.key'}",
    )


def is_read_only(folder: Path) -> bool:
    """Whether a folder lies on a disk that nobody may write here; reading may work all the same."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def sqlite_read_only(file: Path) -> str:
    """How SQLite is told of a file on a disk that nobody writes here: no lock is taken, none made.

    A log that was left beside it is read, too: that takes its index, which must be there as well.
    """
    log = file.with_name(f"{file.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return f"{file.absolute().as_uri()}?{'mode=ro' if has_log else 'immutable=1'}"


def make_private(folder: Path) -> Path:
    """Create a folder that only its owner may enter.

    Raises:
        BackendError: The folder cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            os.utime(folder)  # says why: may not, or lies on a disk that nobody may write
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    except OSError as error:
        there = folder.parent if not folder.exists() else folder
        raise BackendError(
            "folder-not-writable",
            f"The folder {folder} cannot be written: {error.strerror or error}.",
            hint=f"findmnt -T '{there}'   (remount it writable, or work on a copy elsewhere)"
            if error.errno == errno.EROFS
            else f"chmod u+rwx '{there}'",
            context={"folder": str(folder)},
        ) from error
    return folder
