"""Where files of a source lie on this machine. A database may say anything: only what lies below
the places that the user named is ever opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from trueup.lifecycle.runs.tracking.imports.records import Owner, SourceFile
from trueup.lifecycle.runs.tracking.imports.source import Unreachable

_ROOTS = ("mlruns", "mlartifacts")


class Places:
    """Finds the folder of a run's or logged model's files.

    Args:
        below: Folders of the user; nothing outside of them is read.
        roots: Folders that may stand for `mlflow-artifacts:`, and for where files were before the
            whole was moved to this machine.
    """

    def __init__(self, below: Sequence[Path], roots: Sequence[Path]) -> None:
        self._below = [each.resolve() for each in below]
        self._roots = list(roots)

    def files(self, owner: Owner) -> Iterator[SourceFile]:
        """The regular files below an owner's folder, by path; none when there is no folder.

        Raises:
            Unreachable: The folder is elsewhere.
        """
        folder = self.folder(owner)
        if folder is None:
            return
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(place, name)
                if path.is_file() and not path.is_symlink():
                    found = path.stat()
                    inside = path.relative_to(folder).as_posix()
                    yield SourceFile(inside, found.st_size, found.st_mtime_ns)

    def file(self, owner: Owner, path: str) -> Path:
        """One file of an owner.

        Raises:
            Unreachable: It is elsewhere, or gone.
        """
        folder = self.folder(owner)
        if folder is None:
            raise Unreachable("its folder is gone")
        found = folder / path
        if found.is_symlink() or not found.resolve().is_relative_to(folder.resolve()):
            raise Unreachable(f"'{path}' leads out of its folder")
        return found

    def folder(self, owner: Owner) -> Path | None:
        """The folder of an owner's files; None when it has none.

        Raises:
            Unreachable: It is outside of what may be read, or not on this machine.
        """
        outside = None
        for candidate in self._candidates(owner):
            if not candidate.is_dir():
                continue
            if any(candidate.resolve().is_relative_to(each) for each in self._below):
                return candidate
            outside = candidate
        if outside is not None:
            raise Unreachable(f"'{outside}' is outside of the source: name it with --files")
        scheme = urlsplit(owner.uri).scheme
        if len(scheme) > 1 and scheme not in ("file", "mlflow-artifacts"):
            raise Unreachable(f"it lies in {scheme}://")
        return None  # clients make the folder with the first file

    def _candidates(self, owner: Owner) -> Iterator[Path]:
        split = urlsplit(owner.uri)
        if split.scheme == "mlflow-artifacts":
            below = unquote(split.path).strip("/")
        elif split.scheme in ("", "file") or len(split.scheme) == 1:
            place = Path(url2pathname(split.path) if split.scheme == "file" else owner.uri)
            if place.is_absolute():
                yield place
            parts = place.parts
            at = max((i for i, part in enumerate(parts) if part in _ROOTS), default=-1)
            below = "/".join(parts[at + 1 :]) if at >= 0 else ""
        else:
            return
        kind = ("models",) if owner.kind == "model" else ()
        usual = "/".join((owner.experiment, *kind, owner.id, "artifacts"))
        for root in self._roots:
            if below and ".." not in below.split("/"):
                yield root / below
            yield root / usual
