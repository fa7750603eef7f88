"""Layers of an image: the same files give the same bytes, whenever and by whom they are made."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import trueup

_LEVEL = 6


class Layer(NamedTuple):
    """A compressed layer.

    Attributes:
        name: What is in it, in a word.
        raw: Its bytes.
        diff: Digest of the tar within.
        files: How many files it holds.
        size: Their bytes.
    """

    name: str
    raw: bytes
    diff: str
    files: int
    size: int


def layer(name: str, files: Mapping[str, bytes]) -> Layer:
    """A layer of these files: sorted, of nobody, from 1970."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in _folders(files):
            archive.addfile(_entry(path, tarfile.DIRTYPE, 0o755, 0))
        for path, raw in sorted(files.items()):
            archive.addfile(_entry(path, tarfile.REGTYPE, 0o644, len(raw)), io.BytesIO(raw))
    plain = tar.getvalue()
    packed = gzip.compress(plain, compresslevel=_LEVEL, mtime=0)
    size = sum(map(len, files.values()))
    return Layer(name, packed, sha256(plain), len(files), size)


def unpacked(wheels: list[Path]) -> dict[str, bytes]:
    """What wheels hold, as it stands in a folder of installed packages."""
    found: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if (name := _installed(info.filename)) and not info.is_dir():
                    found[name] = archive.read(info)
    return found


def own_files() -> dict[str, bytes]:
    """Trueup as it is installed here."""
    package = Path(trueup.__file__).parent
    return {
        f"{package.name}/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def sha256(raw: bytes) -> str:
    """A digest as OCI writes it."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _installed(name: str) -> str:
    """Where a wheel's file goes; scripts and headers are not needed to serve."""
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return name
    kind, _, inside = rest.partition("/")
    return inside if kind in ("purelib", "platlib") else ""


def _folders(files: Mapping[str, bytes]) -> list[str]:
    found: set[str] = set()
    for path in files:
        parts = path.split("/")[:-1]
        found |= {"/".join(parts[: depth + 1]) for depth in range(len(parts))}
    return sorted(found)


def _entry(path: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size, info.mtime = kind, mode, size, 0
    return info
