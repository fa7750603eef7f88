"""Leave to run the code of a model: a format whose files are code is loaded by it alone.

The plan in force gives it by model, and only to versions that a run of this project made. Cards,
pages, previews and `show` never ask for it.
"""

from __future__ import annotations

import io
from typing import IO, Final, NamedTuple

import sqlalchemy as sa

from trueup.foundation.errors import DeniedError, TrueupError
from trueup.lifecycle.models.records import Manifest, ModelVersion
from trueup.lifecycle.plan.service import lets_run_code
from trueup.ports.blobs import Blobs
from trueup.ports.code import FORMATS
from trueup.ports.format import CodeFormat
from trueup.ports.loading import load as load_backend


class Leave(NamedTuple):
    """Whether a model's code may run.

    Attributes:
        model: Registered name.
        given: Whether the plan in force says so.
    """

    model: str
    given: bool = False

    def check(self, format_: str) -> None:
        """Refuse a format that runs code where none may run.

        Raises:
            DeniedError: There is no leave.
        """
        if runs_code(format_) and not self.given:
            raise DeniedError(
                "model-code-refused",
                f"The model '{self.model}' is code of the project ({format_}), and the plan in "
                "force does not let it run here.",
                hint=f'add to trueup.toml:  [process]  runs_code = ["{self.model}"]  and: '
                "trueup plan adopt",
                context={"model": self.model, "format": format_},
            )


_SMALL: Final = 64 << 10  # kept in packs
NEVER: Final = Leave("")


def of_model(connection: sa.Connection, model: str) -> Leave:
    """What the plan in force says about a model."""
    return Leave(model, lets_run_code(connection, model))


def of_version(connection: sa.Connection, version: ModelVersion) -> Leave:
    """The same for a version: what a client registered has no leave, whatever its model has."""
    own = version.manifest.foreign is None
    return of_model(connection, version.model) if own else Leave(version.model)


def runs_code(format_: str) -> bool:
    """Whether a file of this format is code."""
    return bool(format_) and bool(load_backend("formats", format_).runs_code)


def facts(blobs: Blobs, manifest: Manifest) -> dict[str, str]:
    """What the file of a version says about itself when it is code; it is read, not run."""
    if not manifest.file or manifest.format not in FORMATS:
        return {}
    form: CodeFormat = load_backend("formats", manifest.format)()
    try:
        with _opened(blobs, manifest.file) as file:
            return dict(form.facts(file))
    except TrueupError as error:  # a damaged file must not hide all else about the version
        return {"calls": f"cannot be read: {error.message}"}


def _opened(blobs: Blobs, digest: str) -> IO[bytes]:
    if blobs.size(digest) < _SMALL:
        return io.BytesIO(blobs.get(digest))
    return blobs.local_path(digest).open("rb")
