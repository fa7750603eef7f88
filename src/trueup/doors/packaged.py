"""Serves a packaged model: `python -m trueup.doors.packaged FOLDER`. No project, no database.

The folder is what `trueup package` wrote; a damaged file is refused before anything is loaded.
"""

from __future__ import annotations

import argparse
import hmac
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from trueup.app.packaging.layers import sha256
from trueup.app.packaging.records import MANIFEST, Package
from trueup.foundation.errors import BackendError, DeniedError, TrueupError, UsageError
from trueup.foundation.records import decode

if TYPE_CHECKING:
    from trueup.foundation.permissions import Permission
    from trueup.lifecycle.serving.inference.source import LoadedModel
    from trueup.lifecycle.serving.server.application import Authorize
    from trueup.lifecycle.serving.server.http import Request
    from trueup.lifecycle.serving.server.routing import Caller

TOKEN = "TRUEUP_TOKEN"  # noqa: S105 - the name of a variable


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m trueup.doors.packaged", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--journal", type=Path, help="Where predictions are recorded.")
    told = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="trueup-") as aside:
            _serve(told.folder, told.host, told.port, told.journal or Path(aside) / "journal")
    except TrueupError as error:
        sys.stderr.write(f"error: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        sys.exit(error.exit_code)


def read(folder: Path) -> tuple[Package, bytes]:
    """What a package says, and its model's file.

    Raises:
        BackendError: It is no package, or its model is not the one that was packaged.
    """
    try:
        package = decode((folder / MANIFEST).read_bytes(), Package)
        raw = (folder / Path(package.file).name).read_bytes()
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"it cannot be read ({type(error).__name__})") from error
    if sha256(raw) != package.sha256:
        raise _damaged(folder, f"{package.file} is not the file that was packaged")
    return package, raw


def load(package: Package, raw: bytes) -> LoadedModel:
    """The model, ready to answer.

    Raises:
        BackendError: It cannot be loaded.
    """
    from trueup.lifecycle.models.answers import Shaped
    from trueup.lifecycle.models.contents.containers import danger_in
    from trueup.lifecycle.serving.inference.source import LoadedModel
    from trueup.ports.loading import load as load_backend

    if danger := danger_in(io.BytesIO(raw)):
        raise _damaged(Path(package.file), f"it {danger}")
    backend = load_backend("formats", package.format)()
    predictor = Shaped(backend.predictor(backend.load(raw)), package.signature)
    ref = f"{package.model}@{package.version}"
    return LoadedModel(ref, package.version, package.signature, predictor)


def _serve(folder: Path, host: str, port: int, journal: Path) -> None:
    from trueup.lifecycle.releases.records import Arm, Route
    from trueup.lifecycle.serving.journal.writer import Journal
    from trueup.lifecycle.serving.server import process
    from trueup.lifecycle.serving.server.application import Application
    from trueup.lifecycle.serving.server.fronts import Own

    token = os.environ.get(TOKEN, "")
    if not token and host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(
            "package-open",
            f"Without {TOKEN} anybody who reaches {host} could ask the model.",
            hint=f"{TOKEN}=… in the environment; callers send it as a bearer token",
        )
    model = load(*read(folder))
    arm = Arm(release=model.release, model_ref=model.model_ref, weight=1.0)
    name = model.model_ref.partition("@")[0]
    application = Application(
        Journal(journal), authorize=_authorizing(token), hosts=("*",) if token else ()
    )
    application.serve(Route(deployment=name, arms=(arm,), salt=""), lambda *_wanted: model)
    process.serve(application, lambda: Own(application), host, port)


def _authorizing(token: str) -> Authorize:
    from trueup.lifecycle.serving.server.routing import NOBODY

    expected = f"Bearer {token}".encode()

    def authorize(request: Request, permission: Permission, _deployment: str) -> Caller:
        given = request.headers.get(b"authorization", b"")
        if token and permission != "public" and not hmac.compare_digest(given, expected):
            raise DeniedError(
                "permission-denied", "The request has not the token of this server.", hint=""
            )
        return NOBODY

    return authorize


def _damaged(place: Path, why: str) -> BackendError:
    return BackendError(
        "package-damaged",
        f"The package '{place}' is not served: {why}.",
        hint="trueup package MODEL@VERSION --output NEW",
    )


if __name__ == "__main__":
    main()
