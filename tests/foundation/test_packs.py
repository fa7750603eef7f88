"""A pack gives back what went in, and nothing in it changes unnoticed."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation import digests, packs
from trueup.foundation.errors import BackendError

blobs = st.lists(
    st.one_of(st.binary(max_size=300), st.binary(min_size=1, max_size=4).map(lambda b: b * 500))
)

NOISE = b"".join(digests.key_of(bytes([number])) for number in range(4))


def packed(contents: list[bytes]) -> tuple[bytes, str]:
    writer = packs.Writer(file := io.BytesIO())
    for content in contents:
        writer.add(content)
    name = writer.finish()
    return file.getvalue(), name


def entries(pack: bytes) -> list[packs.Entry]:
    return packs.read_entries(lambda start, end: pack[start:end], len(pack), "p")


def unpacked(pack: bytes) -> list[bytes]:
    return [
        packs.unpack(pack[e.offset : e.offset + e.stored], packs.Entry(*e)) for e in entries(pack)
    ]


@given(blobs)
def test_any_blobs_come_back_in_order_under_their_digests(contents: list[bytes]) -> None:
    pack, name = packed(contents)
    assert unpacked(pack) == contents
    assert [e.digest for e in entries(pack)] == [digests.of_bytes(c) for c in contents]
    assert name == digests.of_bytes(pack)


@given(blobs, st.data())
def test_one_changed_byte_is_always_noticed(contents: list[bytes], data: st.DataObject) -> None:
    pack, name = packed(contents)
    at = data.draw(st.integers(0, len(pack) - 1))
    changed = bytearray(pack)
    changed[at] ^= data.draw(st.integers(1, 255))
    assert digests.of_bytes(bytes(changed)) != name
    if at >= 16:  # the header says nothing that reading needs
        with pytest.raises(BackendError):
            unpacked(bytes(changed))


@given(blobs, st.data())
def test_a_pack_cut_short_is_no_pack(contents: list[bytes], data: st.DataObject) -> None:
    pack, _ = packed(contents)
    with pytest.raises(BackendError) as caught:
        entries(pack[: data.draw(st.integers(0, len(pack) - 1))])
    assert caught.value.code == "pack-damaged"


def test_only_what_shrinks_by_a_tenth_is_compressed() -> None:
    assert packs.squeeze(NOISE) is NOISE
    assert len(packs.squeeze(b"again " * 1000)) < 100


def test_a_footer_longer_than_the_first_read_is_read_in_two() -> None:
    contents = [struct.pack("<I", number) for number in range(22_000)]
    pack, _ = packed(contents)
    asked: list[tuple[int, int]] = []

    def read(start: int, end: int) -> bytes:
        asked.append((start, end))
        return pack[start:end]

    assert len(packs.read_entries(read, len(pack), "p")) == len(contents)
    assert len(asked) == 2


def test_a_newer_version_is_named_and_not_guessed() -> None:
    pack, _ = packed([b"x"])
    body, fields = pack[:-32], list(struct.unpack("<QIIII8s", pack[-32:]))
    fields[3] = 2
    signed = struct.pack("<QIII", *fields[:4])
    newer = body + signed + struct.pack("<I", zlib.crc32(signed)) + fields[5]
    with pytest.raises(BackendError) as caught:
        entries(newer)
    assert caught.value.code == "pack-too-new"


def test_a_frame_that_unpacks_to_more_than_was_said_is_refused() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(10_000_000))
    entry = packs.Entry(digests.key_of(b""), 16, len(bomb), len(bomb) + 1)
    with pytest.raises(BackendError) as caught:
        packs.unpack(bomb, entry)
    assert caught.value.code == "blob-damaged"


def test_a_record_too_long_to_be_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "LARGEST_RECORD", 10)
    writer = packs.Writer(file := io.BytesIO())
    with pytest.raises(ValueError, match="11 bytes"):
        writer.add(b"x" * 11)
    assert len(file.getvalue()) == 16
    assert not writer.entries


def test_a_pack_is_full_by_bytes_or_by_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "FULL", 100)
    monkeypatch.setattr(packs, "MOST_RECORDS", 3)
    by_bytes, by_records = packs.Writer(io.BytesIO()), packs.Writer(io.BytesIO())
    by_bytes.add(NOISE)
    assert by_bytes.is_full
    for _ in range(3):
        assert not by_records.is_full
        by_records.add(b"")
    assert by_records.is_full


def test_noise_among_noise_is_not_tried_but_text_among_noise_shrinks() -> None:
    text = b"again " * 1000
    assert packs.squeeze_all([NOISE, NOISE[::-1]]) == [NOISE, NOISE[::-1]]
    noise, frame = packs.squeeze_all([NOISE, text])
    assert (noise, len(frame) < 100) == (NOISE, True)
    assert packs.squeeze_all([]) == []
