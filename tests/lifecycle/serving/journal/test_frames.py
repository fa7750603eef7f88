"""The bytes of the journal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.serving.journal import frames
from trueup.lifecycle.serving.records import AnyRecord, Predictions

from ..conftest import AT, prediction


def _journal(count: int) -> tuple[bytes, list[frames.Frame]]:
    raw = b"".join(bytes(frames.encode([prediction(f"{i:032x}")])) for i in range(count))
    return raw, list(frames.walk(raw, over_damage=False))


def _requests(raw: bytes, found: list[frames.Frame]) -> list[int]:
    records = [record for frame in found for record in frames.decode(raw, frame)]
    return [int(record.request, 16) for record in records if isinstance(record, Predictions)]


def test_a_frame_gives_back_the_records_that_were_put_in() -> None:
    records: list[AnyRecord] = [prediction("a" * 32), prediction("b" * 32, at=AT)]
    raw = bytes(frames.encode(records))
    (frame,) = frames.walk(raw, over_damage=False)
    assert frames.decode(raw, frame) == records
    assert frame.end == len(raw)


@given(st.integers(min_value=1, max_value=10_000))
def test_a_torn_tail_costs_only_the_frame_that_was_torn(cut: int) -> None:
    raw, whole = _journal(5)
    torn = raw[: max(0, len(raw) - cut)]
    survivors = [frame for frame in whole if frame.end <= len(torn)]
    assert list(frames.walk(torn, over_damage=True)) == survivors
    assert frames.intact_length(torn) == (survivors[-1].end if survivors else 0)


@given(st.data())
def test_a_flipped_bit_costs_only_the_frame_it_is_in(data: st.DataObject) -> None:
    raw, whole = _journal(5)
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    flipped = bytearray(raw)
    flipped[bit // 8] ^= 1 << bit % 8
    hit = next(i for i, frame in enumerate(whole) if frame.start <= bit // 8 < frame.end)
    found = list(frames.walk(bytes(flipped), over_damage=True))
    assert _requests(bytes(flipped), found) == [i for i in range(5) if i != hit]
    lost = whole[hit].end - whole[hit].start
    assert sum(frame.skipped for frame in found) == (0 if hit == 4 else lost)
    assert len(list(frames.walk(bytes(flipped), over_damage=False))) == hit


def test_a_preallocated_tail_of_zeros_is_no_frame() -> None:
    raw, whole = _journal(2)
    assert list(frames.walk(raw + bytes(4096), over_damage=True)) == whole


@pytest.mark.parametrize("count", [1, 20, 70_000])
@pytest.mark.parametrize("more", [{}, {"extra": {"why": ["storm"]}, "shadow": True, "salt": "s"}])
def test_the_search_after_damage_finds_every_form_of_a_record(
    count: int, more: dict[str, Any]
) -> None:
    record = msgspec.structs.replace(prediction("r"), key="k", body="b", **more)
    raw = bytes(frames.encode([record] * count))
    (found,) = frames.walk(b"damage" + raw, over_damage=True)
    assert (found.start, found.skipped) == (6, 6)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_walked(noise: bytes) -> None:
    raw, _ = _journal(1)
    found = list(frames.walk(noise + raw, over_damage=True))
    assert found[-1].end == len(noise) + len(raw)
