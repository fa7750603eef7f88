"""Chunks: where a large file is cut so that an edit changes only the chunks around it.

Every file of 4 MiB or more is cut, whatever it holds (docs/decisions/0005-chunks.md says why). The
recipe of a file names its chunks in order; recipe and chunks are blobs like any other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from trueup.foundation import digests
from trueup.foundation.errors import BackendError

CUT_FROM: Final = 4 << 20
"""Files of this many bytes and more travel as chunks."""

_MAGIC = b"TRUECIPE"
_HEADER = struct.Struct("<8sII32sQ32s")
_CHUNK = struct.Struct("<32sI")
_VERSION = 1


class Cutting(NamedTuple):
    """A way to cut: FastCDC of 2020 with normalisation 1, by the bytes alone.

    Attributes:
        minimum: No chunk but the last is shorter.
        average: What most chunks are near.
        maximum: No chunk is longer.
    """

    minimum: int = 16 << 10
    average: int = 64 << 10
    maximum: int = 256 << 10

    @property
    def name(self) -> str:
        """How a remote records it."""
        return f"fastcdc2020:{self.minimum}:{self.average}:{self.maximum}:1"


STANDARD: Final = Cutting()


class Chunk(NamedTuple):
    """A stretch of a file.

    Attributes:
        offset: Where it begins.
        raw: Its bytes.
    """

    offset: int
    raw: bytes


class Recipe(NamedTuple):
    """How a file is put together.

    Attributes:
        digest: That of the whole file.
        size: Its length.
        cutting: How it was cut.
        chunks: Key and length of each chunk, in order.
    """

    digest: str
    size: int
    cutting: str
    chunks: list[tuple[bytes, int]]


def read_cutting(name: str) -> Cutting:
    """The cutting that a remote recorded.

    Raises:
        BackendError: This Trueup does not know it.
    """
    kind, *numbers = name.split(":")
    if kind != "fastcdc2020" or len(numbers) != 4 or numbers[3] != "1":
        raise BackendError(
            "remote-newer",
            f"The remote cuts files by '{name[:60]}', which this Trueup cannot do.",
            hint="pip install --upgrade trueup",
        )
    return Cutting(*map(int, numbers[:3]))


def cut(path: Path, cutting: Cutting = STANDARD) -> Iterator[Chunk]:
    """The chunks of a file, in order; the file is mapped, never held in memory."""
    from pyfastcdc import FastCDC

    cutter = FastCDC(
        cutting.average,
        min_size=cutting.minimum,
        max_size=cutting.maximum,
        normalized_chunking=1,
    )
    for chunk in cutter.cut_file(path):
        yield Chunk(chunk.offset, bytes(chunk.data))


def write_recipe(recipe: Recipe) -> bytes:
    """A recipe as a blob: equal files that are cut alike have equal recipes."""
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        len(recipe.chunks),
        digests.key(recipe.digest),
        recipe.size,
        recipe.cutting.encode().ljust(32, b"\0"),
    )
    return header + b"".join(_CHUNK.pack(*chunk) for chunk in recipe.chunks)


def is_recipe(raw: bytes) -> bool:
    """Whether a blob is one."""
    return raw.startswith(_MAGIC)


def read_recipe(raw: bytes) -> Recipe:
    """The recipe that `write_recipe` wrote.

    Raises:
        BackendError: These bytes are no recipe, or their lengths contradict each other.
    """
    if len(raw) < _HEADER.size or not raw.startswith(_MAGIC):
        raise _no_recipe("these bytes are none")
    _, version, count, key, size, cutting = _HEADER.unpack_from(raw)
    if version != _VERSION:
        raise BackendError(
            "remote-newer",
            f"A recipe in the remote has version {version}; this Trueup reads {_VERSION}.",
            hint="pip install --upgrade trueup",
        )
    if len(raw) != _HEADER.size + count * _CHUNK.size:
        raise _no_recipe("it is cut short")
    chunks = list(_CHUNK.iter_unpack(raw[_HEADER.size :]))
    if sum(length for _, length in chunks) != size:
        raise _no_recipe("its chunks do not add up to the file")
    return Recipe(digests.of_key(key), size, cutting.rstrip(b"\0").decode("ascii"), chunks)


def _no_recipe(why: str) -> BackendError:
    return BackendError(
        "remote-damaged",
        f"A recipe in the remote is damaged: {why}.",
        hint="trueup data verify --remote NAME",
    )
