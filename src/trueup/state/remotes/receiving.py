"""Pull: what arrives is kept here. Large files are put together from their chunks.

Chunks that a file here holds already are copied, the rest is fetched; a file that was interrupted
goes on where it was. Read `sending.py` for the other way.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from trueup.foundation import digests
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError
from trueup.ports.blobs import Batch, Blobs
from trueup.state.remotes import chunks, indexes
from trueup.state.remotes.chunks import Recipe
from trueup.state.remotes.fetching import WINDOW, Counts, Take, fetch, places_of
from trueup.state.remotes.link import Link
from trueup.state.remotes.records import Progress, Transferred

# Files that are put together at once: so many, or so many bytes.
_FILES: Final = 16
_BYTES: Final = 64 << 20
_RECIPES: Final = 8 << 20


def pull(link: Link, blobs: Blobs, wanted: Iterable[str], progress: Progress) -> Transferred:
    """Fetch blobs that are not here.

    Raises:
        NotFoundError: The remote does not have one of them.
        BackendError: What arrived is not what was asked for, or the disk is full.
    """
    counts = Counts()
    done = size = known = 0
    each = iter(wanted)
    while window := list(dict.fromkeys(itertools.islice(each, WINDOW))):
        missing = blobs.missing(window)
        known += len(window) - len(missing)
        keys = [digests.key(digest) for digest in window if digest in missing]
        recipes = link.cache.recipes(keys)
        for part in places_of(link, [key for key in keys if key not in recipes]):
            with blobs.batch() as batch:
                fetch(link, part, _into(batch), counts)
            got = sum(place.entry.size for place in part.values())
            progress(len(part), got)
            done, size = done + len(part), size + got
        for group in _grouped(_recipes(link, recipes, counts)):
            for recipe in _assemble(link, blobs, group, counts):
                progress(1, recipe.size)
                done, size = done + 1, size + recipe.size
    return Transferred(
        blobs=done, size=size, moved=counts.moved, packs=len(counts.packs), known=known
    )


class _Parts:
    """Unfinished files, and the chunks that they lack: where each of them belongs."""

    def __init__(self) -> None:
        self.lacking: dict[bytes, list[tuple[int, int]]] = {}
        self.lengths: dict[bytes, int] = {}

    def add(self, handle: int, recipe: Recipe) -> None:
        """Count a file's chunks as lacking, but for those that it has: their bytes tell."""
        was_begun = os.fstat(handle).st_size > 0
        os.ftruncate(handle, recipe.size)
        for (key, length), at in _with_starts(recipe):
            self.lengths[key] = length
            if not was_begun or digests.key_of(os.pread(handle, length, at)) != key:
                self.lacking.setdefault(key, []).append((handle, at))

    def write(self, key: bytes, raw: bytes) -> None:
        """Put a chunk wherever it belongs."""
        for handle, at in self.lacking[key]:
            os.pwrite(handle, raw, at)

    def copy(self, link: Link, blobs: Blobs) -> None:
        """Take the chunks that files here hold already."""
        by_file: dict[bytes, list[tuple[bytes, int]]] = {}
        for key, (file, at) in link.cache.placed(self.lacking).items():
            by_file.setdefault(file, []).append((key, at))
        gone = blobs.missing([digests.of_key(file) for file in by_file])
        for file, held in by_file.items():
            if (digest := digests.of_key(file)) in gone:
                continue
            with blobs.local_path(digest).open("rb") as source:
                for key, at in held:
                    raw = os.pread(source.fileno(), self.lengths[key], at)
                    if digests.key_of(raw) == key:
                        self.write(key, raw)
                        del self.lacking[key]


def _assemble(link: Link, blobs: Blobs, recipes: list[Recipe], counts: Counts) -> list[Recipe]:
    """Put large files together and keep them; returns those that nobody else kept meanwhile."""
    folder = make_private(link.folder / "parts")
    parts = _Parts()
    done: list[tuple[Recipe, Path]] = []
    with ExitStack() as stack:
        # In order, so that two processes that want the same files cannot wait for each other.
        for recipe in sorted(recipes, key=lambda recipe: recipe.digest):
            part = folder / recipe.digest.removeprefix(digests.PREFIX)
            handle = stack.enter_context(_open(part))
            if blobs.has(recipe.digest):
                part.unlink(missing_ok=True)
                continue
            with _disk(part):
                parts.add(handle, recipe)
            done.append((recipe, part))
        with _disk(folder):
            parts.copy(link, blobs)
        for places in places_of(link, list(parts.lacking)):
            fetch(link, places, _on_disk(parts.write, folder), counts)
        with blobs.batch() as batch:
            for recipe, part in done:
                if _adopt(batch, part) != recipe.digest:
                    what = f"its chunks do not make {digests.short(recipe.digest)}"
                    raise indexes.damaged(
                        link.shown, "a recipe", what, [digests.key(recipe.digest)]
                    )
        for recipe, part in done:
            part.unlink(missing_ok=True)
            placed = ((key, at) for (key, _), at in _with_starts(recipe))
            link.cache.note_placed(digests.key(recipe.digest), placed)
    return [recipe for recipe, _ in done]


def _adopt(batch: Batch, part: Path) -> str:
    """Hand a finished file over without copying it, where store and file share a disk."""
    with _disk(part):
        aside = batch.aside()
        try:
            part.rename(aside)
        except OSError:
            return batch.put_file(part)
    return batch.put_file(aside)


def _recipes(link: Link, wanted: dict[bytes, bytes], counts: Counts) -> Iterator[Recipe]:
    files = {recipe: file for file, recipe in wanted.items()}
    for places in places_of(link, list(files), _RECIPES):
        arrived: dict[bytes, bytes] = {}
        fetch(link, places, arrived.__setitem__, counts)
        for key, raw in arrived.items():
            recipe = chunks.read_recipe(raw)
            if digests.key(recipe.digest) != files[key]:
                what = f"it is not that of {digests.short(digests.of_key(files[key]))}"
                raise indexes.damaged(link.shown, "a recipe", what, [files[key]])
            yield recipe


def _grouped(recipes: Iterable[Recipe]) -> Iterator[list[Recipe]]:
    group: list[Recipe] = []
    for recipe in recipes:
        group.append(recipe)
        if len(group) >= _FILES or sum(recipe.size for recipe in group) >= _BYTES:
            yield group
            group = []
    if group:
        yield group


def _with_starts(recipe: Recipe) -> Iterator[tuple[tuple[bytes, int], int]]:
    starts = itertools.accumulate((length for _, length in recipe.chunks), initial=0)
    return zip(recipe.chunks, starts, strict=False)


@contextmanager
def _open(part: Path) -> Iterator[int]:
    """The unfinished file, to be written by this process alone."""
    while True:
        with _disk(part):
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever held it before may have moved it into the store: then this is a blob.
            if part.exists() and part.stat().st_ino == os.fstat(handle).st_ino:
                yield handle
                return
        finally:
            os.close(handle)


def _into(batch: Batch) -> Take:
    return lambda _, raw: batch.put(raw)


def _on_disk(take: Take, folder: Path) -> Take:
    def write(key: bytes, raw: bytes) -> None:
        with _disk(folder):
            take(key, raw)

    return write


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackendError(
            "disk-full",
            f"{place} cannot be written: {error.strerror or error}.",
            hint=f"df -h '{place.parent}'",
        ) from error
