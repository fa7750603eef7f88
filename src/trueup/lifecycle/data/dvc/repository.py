"""A DVC repository on disk: which outputs it has, and where the bytes of each lie.

Only the repository and the cache folder that its settings name are read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import blake3

from trueup.foundation.digests import PREFIX
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.data.dvc import layout
from trueup.lifecycle.data.dvc.layout import Output, Skipped

_PIECE: Final = 1 << 20
_NEVER: Final = {".git", ".dvc", ".trueup", "node_modules", "__pycache__"}


class Bytes(NamedTuple):
    """A file that holds what was asked for, with its address and length."""

    place: Path
    digest: str
    size: int


class Repository:
    """A folder with a `.dvc` folder in it."""

    def __init__(self, top: Path) -> None:
        self.top = top.resolve()
        configs = [self.top / ".dvc" / name for name in ("config", "config.local")]
        texts = [file.read_text(encoding="utf-8") for file in configs if file.is_file()]
        named = layout.cache_folder(*texts)
        # A relative cache folder starts at the settings that name it.
        self.cache = (self.top / ".dvc" / (named or "cache")).resolve()

    def declarations(self, below: Path) -> Iterator[tuple[str, str]]:
        """Every `.dvc` file and `dvc.lock` at or below a place, with its text."""
        files = [below] if below.is_file() else sorted(_declaring(below))
        for file in files:
            name = file.resolve().relative_to(self.top).as_posix()
            yield name, file.read_text(encoding="utf-8")

    def outputs(self, below: Path) -> tuple[list[Output], list[Skipped]]:
        """The outputs that are declared at or below a place, by path.

        Raises:
            UsageError: A file is not what DVC writes.
        """
        found: dict[str, Output] = {}
        skipped: list[Skipped] = []
        for name, text in self.declarations(below):
            some, others = layout.outputs(text, name)
            found |= {output.path: output for output in some}
            skipped += others
        return [found[path] for path in sorted(found)], skipped

    def find(self, md5: str, *, is_old: bool, work: Path | None) -> Bytes | None:
        """The file with this digest: in the cache, else the one of the work tree if it matches.

        A file is taken at its content, never at its name: a damaged cache entry is none.

        Args:
            md5: What DVC says.
            is_old: Whether line ends of text were turned into LF before it was hashed.
            work: Where the work tree has it.
        """
        places = [self.cache / path for path in layout.cache_paths(md5)]
        for place in [*places, *([work] if work is not None else [])]:
            if place.is_file() and not _leads_out(self, place):
                read = _read(place, md5.removesuffix(layout.FOLDER), is_old=is_old)
                if read is not None:
                    return read
        return None

    def listed(self, output: Output) -> list[layout.Listed] | None:
        """The files of a folder; None if neither cache nor work tree can tell them.

        Raises:
            UsageError: The list is not what DVC writes.
        """
        found = self.find(output.md5, is_old=output.is_old, work=None)
        if found is not None:
            return layout.files_of(found.place.read_bytes(), output.md5)
        raw = _list_of(self.top / output.path)
        if hashlib.new("md5", raw, usedforsecurity=False).hexdigest() + layout.FOLDER != output.md5:
            return None
        return layout.files_of(raw, output.md5)


def open_repository(path: Path) -> Repository:
    """The DVC repository at or above a place.

    Raises:
        NotFoundError: There is nothing at the place.
        UsageError: It lies in no DVC repository.
    """
    place = path.resolve()
    if not place.exists():
        raise NotFoundError("path-not-found", f"There is nothing at '{path}'.", hint=f"ls '{path}'")
    for folder in (place, *place.parents):
        if (folder / ".dvc").is_dir():
            return Repository(folder)
    raise UsageError(
        "dvc-no-repository",
        f"'{path}' lies in no DVC repository: no folder above it holds a '.dvc' folder.",
        hint="trueup data import PATH   (the folder that holds .dvc/)",
    )


def _declaring(below: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(below):
        folders[:] = sorted(set(folders) - _NEVER)
        for name in files:
            if name == layout.LOCK or (name.endswith(layout.SUFFIX) and name != layout.SUFFIX):
                yield Path(folder) / name


def _list_of(folder: Path) -> bytes:
    """The list that DVC would write of a folder as it is."""
    listed = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as opened:
                md5 = hashlib.file_digest(opened, _md5).hexdigest()
            listed.append({"md5": md5, "relpath": file.relative_to(folder).as_posix()})
    listed.sort(key=lambda each: each["relpath"])
    return json.dumps(listed, sort_keys=True).encode()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)  # an address of DVC's, no proof of anything


def _leads_out(repository: Repository, place: Path) -> bool:
    """Whether a file of the work tree is a link to elsewhere; DVC's links lead into its cache."""
    real = place.resolve()
    return not (real.is_relative_to(repository.top) or real.is_relative_to(repository.cache))


def _read(place: Path, md5: str, *, is_old: bool) -> Bytes | None:
    """One reading for both digests; None if the content is not what the name says."""
    theirs, ours, as_text = _md5(), blake3.blake3(), _md5()
    size, held = 0, b""
    with place.open("rb") as file:
        while piece := file.read(_PIECE):
            theirs.update(piece)
            ours.update(piece)
            size += len(piece)
            if is_old:
                whole = held + piece
                held = b"\r" if whole.endswith(b"\r") else b""
                as_text.update(whole[: len(whole) - len(held)].replace(b"\r\n", b"\n"))
    as_text.update(held)
    if theirs.hexdigest() != md5 and not (is_old and as_text.hexdigest() == md5):
        return None
    return Bytes(place, PREFIX + ours.hexdigest(), size)
