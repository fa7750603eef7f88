"""Files and folders between steps, and any other value as a file for those who want one.

A folder is a manifest, as in the data stage: its files are blobs of their own, and unchanged ones
are kept once. What a step gets is a copy (blocks shared where the disk can) in a folder of its own.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from trueup.foundation.errors import BackendError, UsageError, UserCodeError
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import EXECUTABLE, LINK, Entry
from trueup.lifecycle.data.worktree import tree
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.pipeline.secrets import Guard
from trueup.ports import loading
from trueup.ports.blobs import Blobs, Wanted

READ_ONLY: Final = 0o444
_COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
_SUFFIX = re.compile(r"(\.[A-Za-z0-9_-]{1,16}){1,2}")
_SUFFIXES: Final = {
    "frame": ".parquet",
    "json": ".json",
    "array": ".npy",
    "tensors": ".safetensors",
    "text": ".txt",
    "bytes": ".bin",
}


class Unkept(ValueError):
    """A path that cannot be kept; says why."""


def suffix_of(path: Path) -> str:
    """The suffix that a kept file keeps, such as `.csv` or `.csv.gz`.

    Example:
        >>> suffix_of(Path("rows.2013.csv.gz")), suffix_of(Path("model")), suffix_of(Path(".env"))
        ('.csv.gz', '', '')
    """
    suffix = "".join(path.suffixes[-2:]) if path.suffix in _COMPRESSED else path.suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def keep(blobs: Blobs, path: Path, guard: Guard) -> tuple[StoredValue, str]:
    """Keep the file or folder that a step returned.

    Returns:
        The stored value, and the name of a secret found in it, if there is one: then nothing may be
        made of the value.

    Raises:
        Unkept: There is nothing, or something that is neither file nor folder.
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:
        raise Unkept(f"is the path '{path}', where there is nothing ({error})") from error
    if stat.S_ISREG(mode):
        if leaked := guard.in_file(path):
            return StoredValue(kind="file", digest=""), leaked
        return StoredValue(kind="file", digest=blobs.put_file(path), format=suffix_of(path)), ""
    if not stat.S_ISDIR(mode):
        raise Unkept(f"is the path '{path}', which is neither a file nor a folder")
    entries: list[Entry] = []
    try:
        found = list(tree.walk(path, path.name))
    except UsageError as error:
        raise Unkept(f"is the folder '{path}' that cannot be kept: {error.message}") from error
    for file in found:
        if leaked := guard.in_bytes(file.path.encode()) or guard.in_file(path / file.path):
            return StoredValue(kind="folder", digest=""), leaked
    with blobs.batch() as batch:
        for file in found:
            digest = batch.put_file(path / file.path)
            entries.append(Entry(file.path, digest, file.size, file.mode))
        return StoredValue(kind="folder", digest=manifest.build(entries, batch)), ""


def blobs_of(blobs: Blobs, stored: StoredValue) -> Iterator[str]:
    """Every blob that a stored value needs; the same one may come twice."""
    if stored.kind in ("parts", "list"):
        for inner in (*stored.parts.values(), *stored.items):
            yield from blobs_of(blobs, inner)
    elif stored.kind == "folder":
        yield from manifest.blobs_of(blobs, stored.digest)
    else:
        yield stored.digest


def lay(blobs: Blobs, stored: StoredValue, folder: Path, name: str) -> Path:
    """Lay a value into a folder as a read-only file, or a folder of them.

    Args:
        blobs: Where it is kept.
        stored: The value; a frame becomes Parquet, plain data JSON, a list or dict a folder.
        folder: Where to, a folder of the step alone.
        name: Name of the file or folder, without suffix.

    Raises:
        UserCodeError: A name inside would lead out of the folder.
    """
    if stored.kind == "folder":
        target = folder / name
        target.mkdir(parents=True)
        wanted = [
            Wanted(entry.digest, str(_below(target, entry)), _mode(entry))
            for entry in manifest.entries(blobs, stored.digest)
        ]
        blobs.materialise_many(wanted)
        return target
    if stored.kind in ("parts", "list"):
        target = folder / name
        target.mkdir(parents=True)
        width = len(str(len(stored.items)))
        inside = stored.parts or {f"{i:0{width}}": item for i, item in enumerate(stored.items)}
        for key, inner in inside.items():
            _check_part(key)
            lay(blobs, inner, target, key)
        return target
    target = folder / (name + _suffix(stored))
    blobs.materialise(stored.digest, target, mode=READ_ONLY)
    return target


def _mode(entry: Entry) -> int:
    return READ_ONLY | 0o111 if entry.mode == EXECUTABLE else READ_ONLY


def _suffix(stored: StoredValue) -> str:
    if stored.kind == "model":
        return str(loading.load("formats", stored.format).suffix)
    if stored.kind == "file":
        return stored.format if _SUFFIX.fullmatch(stored.format) else ""
    return _SUFFIXES[stored.kind]


def _below(folder: Path, entry: Entry) -> Path:
    """The place of a file; a manifest may come from elsewhere and say anything."""
    path = PurePosixPath(entry.path)
    if path.is_absolute() or ".." in path.parts or not path.parts or entry.mode == LINK:
        raise BackendError(
            "folder-unsafe",
            f"A stored folder holds '{entry.path}', which would leave the folder.",
            hint="trueup doctor",
            context={"path": entry.path},
        )
    return folder / path


def _check_part(key: str) -> None:
    if not key or key in (".", "..") or "/" in key or "\0" in key or len(key) > 200:
        raise UserCodeError(
            "part-not-a-file",
            f"A dict with the key {key!r} cannot be given as a folder: the key is no file name.",
            hint="let the step return a dict with plain names, or take the dict itself",
            context={"key": key},
        )
