"""The pack: many small blobs in one immutable file, the same locally and in a remote.

    header    "TRUEPACK", version, salt                            16 bytes
    records   the stored bytes of each blob, one after another
    footer    digest, offset, stored length, raw length            48 bytes a record
    trailer   offset of the footer, records, CRC-32 of the footer,
              version, CRC-32 of the trailer, "TRUEPACK"           32 bytes

Numbers are little-endian. A record is a zstd frame where that saves a tenth, else the raw bytes; it
is a frame exactly when it is shorter than the raw length. A digest is always that of the raw bytes.
A pack is named by the BLAKE3 digest of the whole file, so nothing in it can change unnoticed. A
remote writes salt 0; a local store salts its packs: one being removed is never one being written.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import blake3

from trueup.foundation import digests
from trueup.foundation.errors import BackendError

if TYPE_CHECKING:
    import zstandard

SMALL = 64 << 10
"""Blobs below this many bytes belong into packs."""
FULL = 64 << 20
"""A pack is finished when its records reach this many bytes."""
MOST_RECORDS = 1 << 16
LARGEST_RECORD = 64 << 20
"""No record is longer, so a damaged or hostile length cannot ask for more memory."""

_MAGIC = b"TRUEPACK"
_VERSION = 1
_HEADER = struct.Struct("<8sII")
_RECORD = struct.Struct("<32sQII")
_TRAILER = struct.Struct("<QIIII8s")
_SIGNED = struct.Struct("<QIII")  # what the trailer's own CRC covers
_FIRST_GUESS = 1 << 20  # the footer of a full pack of 4 KiB blobs
_threads = threading.local()


class Entry(NamedTuple):
    """Where one blob lies in a pack.

    Attributes:
        key: The 32 bytes of its digest.
        offset: Where its record starts.
        stored: Length of the record.
        size: Length of the raw bytes; longer than `stored` when the record is a zstd frame.
    """

    key: bytes
    offset: int
    stored: int
    size: int

    @property
    def digest(self) -> str:
        """Its digest, `b3:…`."""
        return digests.of_key(self.key)


class Sink(Protocol):
    """Where a pack is written to: a binary file, or anything that takes all it is given."""

    def write(self, raw: bytes, /) -> object:
        """Append all the bytes."""
        ...


class Writer:
    """Writes one pack to an open binary file; syncing and naming the file is the caller's.

    Args:
        file: Where to write.
        salt: Another salt gives equal records another name; 0 gives them the same one each time.

    Example:
        >>> import io
        >>> writer = Writer(file := io.BytesIO())
        >>> entry = writer.add(b"hello")
        >>> name = writer.finish()
        >>> unpack(file.getvalue()[entry.offset :][: entry.stored], entry)
        b'hello'
    """

    def __init__(self, file: Sink, salt: int = 0) -> None:
        self._file = file
        self._hasher = blake3.blake3()
        self.entries: list[Entry] = []
        self.length = 0
        self._write(_HEADER.pack(_MAGIC, _VERSION, salt))

    @property
    def is_full(self) -> bool:
        """Whether it is time to finish this pack and begin another."""
        return self.length >= FULL or len(self.entries) >= MOST_RECORDS

    def add(self, raw: bytes) -> Entry:
        """Write one blob."""
        return self.append([(digests.key_of(raw), squeeze(raw), len(raw))])[0]

    def append(self, records: Iterable[tuple[bytes, bytes, int]]) -> list[Entry]:
        """Write records that are squeezed already: (key, stored bytes, raw length) each.

        Raises:
            ValueError: One is longer than a record may be; nothing was written.
        """
        offset, entries, parts = self.length, [], []
        for key, stored, size in records:
            if size > LARGEST_RECORD:
                raise ValueError(f"a record of {size} bytes is longer than {LARGEST_RECORD}")
            entries.append(Entry(key, offset, len(stored), size))
            parts.append(stored)
            offset += len(stored)
        self._write(b"".join(parts))
        self.entries += entries
        return entries

    def finish(self) -> str:
        """Write footer and trailer and return the pack's digest, which is its name."""
        footer = b"".join([_RECORD.pack(*entry) for entry in self.entries])
        signed = _SIGNED.pack(self.length, len(self.entries), zlib.crc32(footer), _VERSION)
        self._write(footer + signed + struct.pack("<I", zlib.crc32(signed)) + _MAGIC)
        return digests.of_key(self._hasher.digest())

    def _write(self, raw: bytes) -> None:
        self._file.write(raw)
        self._hasher.update(raw)
        self.length += len(raw)


def squeeze(raw: bytes) -> bytes:
    """The stored form of a blob: a zstd frame if that saves a tenth, else the bytes themselves."""
    frame: bytes = _compressor().compress(raw)
    return frame if len(frame) * 10 <= len(raw) * 9 else raw


def squeeze_all(raws: Sequence[bytes]) -> list[bytes]:
    """The stored forms of blobs that lie side by side.

    Where one frame of them all saves less than a hundredth, no blob is tried: most small files are
    images, sound or archives, and a frame for each takes six times as long as one for all.
    """
    together = b"".join(raws)
    if len(raws) > 1 and len(_compressor().compress(together)) * 100 > len(together) * 99:
        return list(raws)
    return [squeeze(raw) for raw in raws]


def _compressor() -> zstandard.ZstdCompressor:
    try:
        made: zstandard.ZstdCompressor = _threads.compressor  # it serves one thread at a time
    except AttributeError:
        import zstandard  # not on the path of commands that pack nothing

        made = _threads.compressor = zstandard.ZstdCompressor(level=1)
    return made


def unpack(stored: bytes, entry: Entry) -> bytes:
    """The raw bytes of a record, checked against their digest.

    Raises:
        BackendError: They do not match it.
    """
    raw = _raw(stored, entry)
    if raw is None or digests.key_of(raw) != entry.key:
        raise digests.mismatch(entry.digest)
    return raw


def _raw(stored: bytes, entry: Entry) -> bytes | None:
    if len(stored) != entry.stored or entry.stored == entry.size:
        return stored
    import zstandard

    try:
        # The frame states how much memory it wants; believe it only if the footer says the same.
        if zstandard.frame_content_size(stored) != entry.size:
            return None
        raw: bytes = _decompressor().decompress(stored, max_output_size=entry.size)
    except zstandard.ZstdError:
        return None
    return raw


def _decompressor() -> zstandard.ZstdDecompressor:
    try:
        made: zstandard.ZstdDecompressor = _threads.decompressor
    except AttributeError:
        import zstandard

        made = _threads.decompressor = zstandard.ZstdDecompressor()
    return made


def read_entries(read: Callable[[int, int], bytes], length: int, shown: str) -> list[Entry]:
    """The footer of a pack, in one or two reads of its end.

    Args:
        read: Gives the bytes from a start to an end (not included) of the pack.
        length: The pack's length.
        shown: The pack's name for messages.

    Raises:
        BackendError: This is no pack, it is damaged, or a newer Trueup wrote it.
    """
    start = max(0, length - _FIRST_GUESS)
    tail = read(start, length)
    if len(tail) < _TRAILER.size or len(tail) != length - start:
        raise _damaged(shown, "it is cut short")
    offset, count, footer_crc, version, own_crc, magic = _TRAILER.unpack_from(
        tail, len(tail) - _TRAILER.size
    )
    signed = tail[len(tail) - _TRAILER.size :][: _SIGNED.size]
    if magic != _MAGIC or zlib.crc32(signed) != own_crc:
        raise _damaged(shown, "its last bytes are not those of a pack")
    if version != _VERSION:
        raise BackendError(
            "pack-too-new",
            f"The pack {shown} has version {version}; this Trueup reads version {_VERSION}.",
            hint="pip install --upgrade trueup",
        )
    end = length - _TRAILER.size
    if offset < _HEADER.size or offset + count * _RECORD.size != end:
        raise _damaged(shown, "its footer has another length than its trailer says")
    footer = tail[offset - start : end - start] if offset >= start else read(offset, end)
    if zlib.crc32(footer) != footer_crc:
        raise _damaged(shown, "its footer does not match its checksum")
    return _checked([Entry(*fields) for fields in _RECORD.iter_unpack(footer)], offset, shown)


def _checked(entries: Sequence[Entry], end: int, shown: str) -> list[Entry]:
    at = _HEADER.size
    for _, offset, stored, size in entries:
        if offset != at or stored > size or size > LARGEST_RECORD:
            raise _damaged(shown, "its records overlap or have impossible lengths")
        at += stored
    if at != end:
        raise _damaged(shown, "its records do not fill it")
    return list(entries)


def _damaged(shown: str, why: str) -> BackendError:
    return BackendError(
        "pack-damaged",
        f"The pack {shown} is damaged: {why}.",
        hint="trueup doctor",
        context={"pack": shown},
    )
