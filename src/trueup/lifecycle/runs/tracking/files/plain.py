"""A folder that clients write to by themselves: its server lists, reads and deletes in it.

The one place where a path of a client becomes one of the disk. It is checked as a name first, and
what it leads to must lie inside the folder after every link was followed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.runs.tracking.files import rules
from trueup.lifecycle.runs.tracking.files.content import PIECE
from trueup.lifecycle.runs.tracking.files.service import no_file
from trueup.lifecycle.runs.tracking.files.table import Listed


class PlainFolder:
    """Files below a `file://` URI.

    Args:
        uri: The folder, such as `file:///srv/artifacts`; it is made when it is not there.

    Raises:
        UsageError: The URI names no absolute folder of this machine.
    """

    def __init__(self, uri: str) -> None:
        split = urlsplit(uri)
        place = Path(unquote(split.path))
        if split.scheme != "file" or split.netloc not in ("", "localhost") or not split.path:
            raise UsageError(
                "artifact-root-unusable",
                f"'{uri[:200]}' is no folder of this machine that clients can write to.",
                hint="trueup up --mlflow-artifact-root file:///srv/artifacts",
            )
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BackendError(
                "artifact-root-unusable",
                f"The folder {place} cannot be used: {error.strerror or error}.",
                hint="trueup up --mlflow-artifact-root file:///srv/artifacts",
            ) from error
        self.uri = uri.rstrip("/")
        self._root = place.resolve()

    def path_of(self, uri: str) -> str | None:
        """The path of a URI below this folder; None if it is elsewhere."""
        below = uri.removeprefix(f"{self.uri}/")
        return unquote(below) if below != uri else None

    def folder(self, path: str) -> list[Listed]:
        """What lies in a folder, by name; nothing if there is no such folder."""
        place = self._place(path)
        if place is None or not place.is_dir():
            return []
        with os.scandir(place) as entries:
            return sorted(
                Listed(entry.name, "" if entry.is_dir() else "file", entry.stat().st_size)
                for entry in entries
                if not entry.is_symlink() and (entry.is_file() or entry.is_dir())
            )

    def below(self, path: str) -> list[tuple[str, Path]]:
        """All files below a folder, however deep: paths relative to it, and where they lie."""
        found: list[tuple[str, Path]] = []
        for each in self.folder(path):
            inner = f"{path}/{each.name}" if path else each.name
            if each.is_folder:
                found += [(f"{each.name}/{name}", place) for name, place in self.below(inner)]
            else:
                found.append((each.name, self._file(inner)))
        return sorted(found)

    def size(self, path: str) -> int:
        """The size of a file in bytes.

        Raises:
            NotFoundError: There is no such file.
        """
        return self._file(path).stat().st_size

    def pieces(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a file from `start` on, a piece at a time.

        Raises:
            NotFoundError: There is no such file.
        """
        place = self._file(path)
        left = place.stat().st_size - start if length is None else length
        with place.open("rb") as file:
            file.seek(start)
            while left and (piece := file.read(min(PIECE, left))):
                left -= len(piece)
                yield piece

    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all in it; nothing if there is none."""
        place = self._place(path)
        if place is None or place == self._root:
            return
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def _file(self, path: str) -> Path:
        place = self._place(path)
        if place is None or not place.is_file():
            raise no_file(path)
        return place

    def _place(self, path: str) -> Path | None:
        place = self._root / rules.checked(path, empty=True)
        found = place.resolve()
        return found if found == place and found.is_relative_to(self._root) else None
