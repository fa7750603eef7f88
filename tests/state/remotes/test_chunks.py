"""Chunks: cut by content alone, so that an edit changes only the chunks near it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc.py import FastCDC as PlainFastCDC

from trueup.foundation import digests
from trueup.foundation.errors import BackendError
from trueup.state.remotes import chunks
from trueup.state.remotes.chunks import STANDARD, Cutting, Recipe

SMALL = Cutting(64, 256, 1024)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut") / "file"


def pieces(file: Path, raw: bytes, cutting: Cutting = SMALL) -> list[bytes]:
    file.write_bytes(raw)
    return [chunk.raw for chunk in chunks.cut(file, cutting)]


def content(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


@given(st.integers(0, 2**32), st.integers(1, 20_000))
@settings(max_examples=60)
def test_chunks_are_the_file_in_order(file: Path, seed: int, size: int) -> None:
    raw = content(seed, size)
    cut = pieces(file, raw)
    assert b"".join(cut) == raw
    assert [chunk.offset for chunk in chunks.cut(file, SMALL)] == [
        sum(map(len, cut[:number])) for number in range(len(cut))
    ]


@given(st.integers(0, 2**32), st.integers(1, 20_000))
@settings(max_examples=60)
def test_chunks_keep_to_their_sizes(file: Path, seed: int, size: int) -> None:
    *all_but_last, last = pieces(file, content(seed, size))
    assert all(SMALL.minimum <= len(chunk) <= SMALL.maximum for chunk in all_but_last)
    assert 0 < len(last) <= SMALL.maximum


@given(st.integers(0, 2**32), st.integers(0, 15_000), st.binary(max_size=300))
@settings(max_examples=60)
def test_an_insertion_changes_only_chunks_near_it(
    file: Path, seed: int, at: int, inserted: bytes
) -> None:
    raw = content(seed, 30_000)
    before = pieces(file, raw)
    after = pieces(file, raw[:at] + inserted + raw[at:])
    same_front = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before)
    )
    same_end = next(
        (n for n, (a, b) in enumerate(zip(before[::-1], after[::-1], strict=False)) if a != b),
        len(before),
    )
    assert sum(map(len, before[:same_front])) >= at - SMALL.maximum
    # Behind the insertion the cuts meet again soon: within a few of the largest chunks.
    assert sum(map(len, before[len(before) - same_end :])) >= 30_000 - at - 8 * SMALL.maximum


@given(st.integers(0, 2**32))
@settings(max_examples=5)
def test_the_plain_python_cutter_cuts_alike(file: Path, seed: int) -> None:
    raw = content(seed, 30_000)
    plain = PlainFastCDC(256, min_size=64, max_size=1024, normalized_chunking=1)
    assert [bytes(chunk.data) for chunk in plain.cut_buf(raw)] == pieces(file, raw)


def test_cuts_stay_where_they_are_for_ever(file: Path) -> None:
    """A remote's chunks are of use only while everybody cuts as on the first day."""
    lengths = [len(chunk) for chunk in pieces(file, content(11, 1 << 20), STANDARD)]
    assert lengths == LENGTHS
    assert STANDARD.name == "fastcdc2020:16384:65536:262144:1"
    assert chunks.read_cutting(STANDARD.name) == STANDARD


LENGTHS = [
    71794,
    118188,
    21316,
    66540,
    40445,
    105752,
    71447,
    74882,
    194726,
    41622,
    24766,
    71722,
    111558,
    33818,
]


@pytest.mark.parametrize("name", ["rabin:1:2:3:1", "fastcdc2020:1:2:3:2", "fastcdc2020:1:2", ""])
def test_a_cutting_of_the_future_is_refused(name: str) -> None:
    with pytest.raises(BackendError) as caught:
        chunks.read_cutting(name)
    assert caught.value.code == "remote-newer"


def test_a_recipe_says_what_it_was_told() -> None:
    recipe = Recipe(digests.of_bytes(b"all"), 30, STANDARD.name, [(b"a" * 32, 10), (b"b" * 32, 20)])
    raw = chunks.write_recipe(recipe)
    assert chunks.read_recipe(raw) == recipe
    for wrong in (b"", raw[:-1], raw + b"x", b"X" + raw[1:], raw[:-4] + b"\1\0\0\0"):
        with pytest.raises(BackendError) as caught:
            chunks.read_recipe(wrong)
        assert caught.value.code == "remote-damaged"
    with pytest.raises(BackendError) as caught:
        chunks.read_recipe(raw[:8] + b"\2" + raw[9:])
    assert caught.value.code == "remote-newer"
