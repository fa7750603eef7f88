"""The verbs of secrets. Events name a secret and never hold its value or anything made of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from trueup.foundation.actor import Actor
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline import options, secrets
from trueup.lifecycle.runs.secrets.records import KnownSecret
from trueup.state.unit import State


class Secrets:
    """The secrets of one project.

    Args:
        state: Where the events go.
        home: The project's state folder; the values lie below it.
    """

    def __init__(self, state: State, home: Path) -> None:
        self._state = state
        self._home = home

    def keep(self, actor: Actor, name: str, value: str) -> None:
        """Keep the value of a secret; an earlier one is replaced.

        Raises:
            UsageError: The name is malformed, or the value too short to be told from other text.
        """
        _check_name(name)
        secrets.check_value(name, value)
        with self._state.write(actor, "secrets.write") as unit:
            unit.emit("secret.kept", f"secret:{name}", data={"name": name})
            self._write(name, value)

    def remove(self, actor: Actor, name: str) -> None:
        """Forget the value that was kept for a secret.

        Raises:
            NotFoundError: None was.
        """
        _check_name(name)
        with self._state.write(actor, "secrets.write") as unit:
            place = self._home / secrets.FOLDER / name
            if not place.is_file():
                known = [known.name for known in self._known() if known.origin == "file"]
                raise NotFoundError(
                    "secret-missing",
                    f"There is no secret '{name}' here.{did_you_mean(name, known)}",
                    hint="trueup secret list",
                    context={"secret": name},
                )
            unit.emit("secret.removed", f"secret:{name}", data={"name": name})
            place.unlink()

    def known(self, actor: Actor) -> list[KnownSecret]:
        """The secrets that have a value here, by name."""
        with self._state.read(actor):
            return self._known()

    def _known(self) -> list[KnownSecret]:
        return [
            KnownSecret(
                name=name,
                origin="variable" if os.environ.get(secrets.VARIABLE + name) else "file",
            )
            for name in sorted(secrets.known(self._home))
        ]

    def _write(self, name: str, value: str) -> None:
        folder = make_private(self._home / secrets.FOLDER)
        try:
            handle, aside = tempfile.mkstemp(dir=folder, prefix=".new-")  # mode 0600
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(value)
                    file.flush()
                    os.fsync(handle)
                Path(aside).rename(folder / name)
            except BaseException:
                Path(aside).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BackendError(
                "folder-not-writable",
                f"The folder {folder} cannot be written: {error.strerror or error}.",
                hint=f"chmod u+rwx '{folder}'",
            ) from error


def _check_name(name: str) -> None:
    try:
        options.secret_name(name)
    except ValueError as error:
        raise UsageError("secret-name", f"{error}.", hint="trueup secret set API_TOKEN") from error
