"""The verbs of tracked files: taken in as a stream, kept once by content, given out in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.data.upkeep import locking
from trueup.lifecycle.runs.tracking.files import rules, table
from trueup.lifecycle.runs.tracking.files.content import Content
from trueup.lifecycle.runs.tracking.files.table import Listed
from trueup.state.unit import State


class Files:
    """Files below runs, models and experiments.

    Args:
        state: Where they are kept.
        root: The project's folder, for the lock that holds off collectors.
    """

    def __init__(self, state: State, root: Path) -> None:
        self._state = state
        self._root = root

    @contextmanager
    def receiving(self, actor: Actor, path: str) -> Iterator[IO[bytes]]:
        """A file to be written in the block; at its end it is kept under `path`.

        A block that is left by an exception keeps nothing. What was under the path is replaced.

        Raises:
            UsageError: The path cannot name a file.
            ConflictError: A folder has this path, or a file has that of one of its folders.
            DeniedError: The actor may not write runs; nothing is taken in.
        """
        rules.checked(path)
        self.require_writer(actor)  # before the first byte is taken in
        with locking.keeping(self._root):
            with self._state.blobs.batch() as batch:
                aside = batch.aside()
                with aside.open("wb") as file:
                    yield file
                size = aside.stat().st_size
                digest = batch.put_file(aside)
            with self._state.write(actor, "runs.write") as unit:
                _check_place(unit.connection, path)
                table.put(unit.connection, path, digest, size, unit.at)

    def require_writer(self, actor: Actor) -> None:
        """Let pass who may write runs.

        Raises:
            DeniedError: The actor may not.
        """
        with self._state.read(actor, "runs.write"):
            pass

    def show(self, actor: Actor, path: str) -> Listed:
        """What has this path: a file or a folder.

        Raises:
            NotFoundError: Nothing has.
            UsageError: The path cannot name anything.
        """
        rules.checked(path)
        with self._state.read(actor) as connection:
            found = table.find(connection, path)
        if found is None:
            raise no_file(path)
        return found

    def folder(
        self, actor: Actor, path: str, limit: int | None = None, after: str = ""
    ) -> list[Listed]:
        """What lies in a folder, by name; nothing if there is no such folder.

        Raises:
            UsageError: The path cannot name a folder.
        """
        rules.checked(path, empty=True)
        with self._state.read(actor) as connection:
            return table.inside(connection, path, limit, after)

    def below(self, actor: Actor, path: str) -> list[tuple[str, Listed]]:
        """All files below a folder with their paths relative to it, by path.

        Raises:
            UsageError: The path cannot name a folder.
        """
        rules.checked(path, empty=True)
        with self._state.read(actor) as connection:
            return table.below(connection, path)

    def content(self, actor: Actor, path: str) -> Content:
        """The bytes of a file.

        Raises:
            NotFoundError: There is no such file.
            UsageError: The path cannot name a file.
        """
        found = self.show(actor, path)
        if found.is_folder:
            raise no_file(path)
        return Content(self._state.blobs, found.digest, found.size)

    def delete(self, actor: Actor, path: str) -> int:
        """Delete a file, or a folder with all in it; how many files that were.

        The bytes go with the next `trueup data gc`, if nothing else needs them.

        Raises:
            UsageError: The path cannot name anything.
        """
        rules.checked(path)
        with self._state.write(actor, "runs.write") as unit:
            count = table.remove(unit.connection, path)
            if count:
                unit.emit("tracked-files.deleted", f"files:{path}"[:300], data={"files": count})
            return count


def no_file(path: str) -> NotFoundError:
    """The refusal of a path at which there is no file."""
    return NotFoundError(
        "tracked-file-not-found",
        f"There is no file '{path[:300]}'.",
        hint="mlflow artifacts list --run-id RUN",
        context={"path": path[:300]},
    )


def _check_place(connection: sa.Connection, path: str) -> None:
    here = table.find(connection, path)
    if here is not None and here.is_folder:
        raise _misplaced(path, f"'{path[:300]}' is a folder")
    folder, _ = rules.parts(path)
    while folder:
        above = table.find(connection, folder)
        if above is not None and not above.is_folder:
            raise _misplaced(path, f"'{folder[:300]}' is a file")
        folder, _ = rules.parts(folder)


def _misplaced(path: str, because: str) -> ConflictError:
    return ConflictError(
        "tracked-file-misplaced",
        f"No file can be kept as '{path[:300]}': {because}.",
        hint="choose another name, or delete what is there",
        context={"path": path[:300]},
    )
