"""Which kind of source a URI is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.runs.tracking.imports.places import Places
from trueup.lifecycle.runs.tracking.imports.source import Source

_BESIDE = ("mlruns", "mlartifacts")


def opened(uri: str, files: Sequence[Path] = ()) -> Source:
    """The source at a URI. See `app.mlflow_import.open_source`."""
    scheme = urlsplit(uri).scheme
    if scheme in ("http", "https"):
        from trueup.lifecycle.runs.tracking.imports.server import Server

        return Server(uri)
    if scheme in ("postgresql", "mysql", "mssql") or re.match(r"\w+\+\w+:", uri):
        raise UsageError(
            "mlflow-source",
            f"'{scheme}://…' can't be read directly.",
            hint="trueup import mlflow http://127.0.0.1:5000   (start `mlflow server` beside it)",
        )
    path = Path(uri)
    if scheme == "sqlite":
        path = Path(unquote(uri.removeprefix("sqlite://").removeprefix("/").partition("?")[0]))
    elif scheme == "file":
        path = Path(unquote(urlsplit(uri).path))
    if not path.exists():
        raise NotFoundError(
            "mlflow-not-found",
            f"There is nothing at '{path}'.",
            hint="trueup import mlflow sqlite:///mlflow.db",
        )
    if path.is_dir():
        from trueup.lifecycle.runs.tracking.imports.folder import Folder

        return Folder(path, Places([path, *files], [path, *files]))
    from trueup.lifecycle.runs.tracking.imports.database import Database

    beside = [path.resolve().parent / name for name in _BESIDE]
    return Database(path, Places([*beside, *files], [*files, *beside]))
