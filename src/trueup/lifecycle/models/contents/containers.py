"""Looking into a file for pickles: by its bytes, through archives and compression, within bounds.

What cannot be looked into within the bounds is said, and is treated like a pickle.
"""

from __future__ import annotations

import ast
import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Final

from trueup.lifecycle.models.contents.pickles import is_pickle

HEAD: Final = 1 << 20
_MOST_MEMBERS: Final = 20_000
_DEEPEST: Final = 4
_LARGE: Final = 32 << 20
_NPY: Final = b"\x93NUMPY"
_OPAQUE: Final = {
    b"ZF0x": "is a pickle that joblib compressed",
    b"\x04\x22\x4d\x18": "is compressed by LZ4, into which Trueup does not look",
}
_ZIP_END: Final = b"PK\x05\x06"


def danger_in(file: IO[bytes], depth: int = 0, *, cut: bool = False) -> str:
    """Why a file must not be loaded, in words; empty when nothing was found.

    Args:
        file: Open at any place, and seekable.
        depth: How many containers it already lies in.
        cut: Only its beginning is there.
    """
    file.seek(0)
    head = file.read(HEAD)
    if is_pickle(file, cut=cut) or depth > _DEEPEST:
        return "is packed more deeply than Trueup looks" if depth > _DEEPEST else "is a pickle"
    if head.startswith(_NPY):
        return "is an array of pickled objects" if _has_objects(head) else ""
    for start, words in _OPAQUE.items():
        if head.startswith(start):
            return words
    for starts, unpack in _PACKED:
        if head.startswith(starts) and (inner := unpack(head)):
            found = danger_in(io.BytesIO(inner), depth + 1, cut=len(inner) >= HEAD)
            return f"{found} under its compression" if found else ""
    return _in_archive(file, head, depth)


def _in_archive(file: IO[bytes], head: bytes, depth: int) -> str:
    """An archive may stand behind other bytes: readers look for its end."""
    members: Callable[[IO[bytes]], Iterator[tuple[str, bytes, int]]]
    if head.startswith(b"PK\x03\x04") or _ZIP_END in _tail(file):
        members = _zipped
    elif head[257:262] == b"ustar":
        members = _in_tar
    else:
        return ""
    try:
        file.seek(0)
        for number, (name, raw, size) in enumerate(members(file)):
            if number >= _MOST_MEMBERS:
                return f"holds more than {_MOST_MEMBERS:,} files"
            found = danger_in(io.BytesIO(raw), depth + 1, cut=size > len(raw))
            if found:
                return f"holds '{name[:120]}', which {found}"
    except (
        *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
        *(OSError, EOFError, RuntimeError, NotImplementedError, ValueError, OverflowError),
    ):
        # Bytes that merely look like the end of an archive are none; a broken archive is one.
        return "is an archive that cannot be read" if head.startswith(b"PK\x03\x04") else ""
    return ""


def _tail(file: IO[bytes]) -> bytes:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    return file.read()


def _zipped(file: IO[bytes]) -> Iterator[tuple[str, bytes, int]]:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as member:
                    yield entry.filename, member.read(_seen(entry.file_size)), entry.file_size


def _in_tar(file: IO[bytes]) -> Iterator[tuple[str, bytes, int]]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for entry in archive:
            member = archive.extractfile(entry) if entry.isfile() else None
            if member is not None:
                yield entry.name, member.read(_seen(entry.size)), entry.size


def _seen(size: int) -> int:
    """How much of a file in an archive is looked at: all, unless it is very large."""
    return size if size <= _LARGE else HEAD


def _has_objects(head: bytes) -> bool:
    """Whether the header of an array says objects; one that cannot be read does, too."""
    wide = head[6:7] > b"\x01"
    length = int.from_bytes(head[8 : 12 if wide else 10], "little")
    start = 12 if wide else 10
    try:
        header = ast.literal_eval(head[start : start + length].decode("latin-1").strip())
        return "O" in str(header["descr"])
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        return True


def _inflated(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, HEAD)
    except zlib.error:
        return b""


def _unsqueezed(head: bytes) -> bytes:
    try:
        return bz2.BZ2Decompressor().decompress(head, HEAD)
    except (OSError, ValueError):
        return b""


def _unxz(head: bytes) -> bytes:
    try:
        reader = lzma.LZMADecompressor(memlimit=256 << 20)
        return reader.decompress(head, HEAD)
    except (lzma.LZMAError, ValueError, EOFError):
        return b""


def _unzstd(head: bytes) -> bytes:
    import zstandard

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(head)
        return reader.read(HEAD)
    except zstandard.ZstdError:
        return b""


_PACKED: Final[tuple[tuple[tuple[bytes, ...], Callable[[bytes], bytes]], ...]] = (
    ((b"\x1f\x8b", b"\x78"), _inflated),
    ((b"BZh",), _unsqueezed),
    ((b"\xfd7zXZ\x00", b"\x5d\x00\x00"), _unxz),
    ((b"\x28\xb5\x2f\xfd",), _unzstd),
)
