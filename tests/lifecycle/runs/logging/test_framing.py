"""Frames: what was written whole is read, what was torn is not, and nothing is ever made up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.runs.logging import framing

BODIES = st.lists(st.binary(min_size=1, max_size=60), max_size=12)


def written(bodies: list[bytes]) -> bytes:
    return framing.MAGIC + b"".join(map(framing.framed, bodies))


@given(BODIES, st.integers(0, 40))
def test_what_was_framed_is_read_up_to_the_zeros(bodies: list[bytes], zeros: int) -> None:
    assert [f.body for f in framing.frames(written(bodies) + bytes(zeros))] == bodies


@given(BODIES, st.data())
def test_a_torn_tail_takes_only_the_frames_it_tears(
    bodies: list[bytes], data: st.DataObject
) -> None:
    raw = written(bodies)
    cut = data.draw(st.integers(len(framing.MAGIC), len(raw)))
    torn = raw[:cut] + bytes(len(raw) - cut) if data.draw(st.booleans()) else raw[:cut]
    found = [f.body for f in framing.frames(torn)]
    whole = [f.body for f in framing.frames(raw) if f.end <= cut]
    # A frame whose last bytes are zeros anyway is whole without them.
    assert found == bodies[: len(found)]
    assert len(found) >= len(whole)


@given(BODIES.filter(bool), st.data())
def test_a_flipped_bit_ends_the_reading_there(bodies: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(written(bodies))
    at = data.draw(st.integers(len(framing.MAGIC), len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    found = [f.body for f in framing.frames(bytes(raw))]
    assert found == bodies[: len(found)]
    assert len(found) < len(bodies)


@pytest.mark.parametrize("value", [0.1, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308])
def test_values_come_out_as_they_went_in(value: float) -> None:
    body = framing.packer(2).pack(framing.POINTS, 7, -(2**63), 2**63 - 1, value, math.nan)
    (frame,) = framing.frames(framing.framed(body), 0)
    found = framing.points_of(frame)
    assert found[:3] == (7, -(2**63), 2**63 - 1)
    assert found.values[0] == value
    assert math.copysign(1, found.values[0]) == math.copysign(1, value)
    assert math.isnan(found.values[1])
