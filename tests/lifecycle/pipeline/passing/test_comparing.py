"""Two values are equal byte by byte, or it is said where they differ and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.backends.blobs.local import Backend
from trueup.lifecycle.pipeline.passing import comparing, keeping
from trueup.lifecycle.pipeline.records import Difference, Place

AT = Place("work.py", 1)
NAN = float("nan")


@pytest.fixture
def blobs(tmp_path: Path) -> Backend:
    return Backend(f"local://{tmp_path}")


def compared(blobs: Backend, before: Any, now: Any) -> list[str]:
    stored = [keeping.store(blobs, each, "work", AT) for each in (before, now)]
    return [str(each) for each in comparing.differences(stored[0], blobs, stored[1], blobs)]


FRAME = pl.DataFrame({"a": [1.0, 2.0, None], "b": ["x", "y", "z"]})
ARRAY = np.array([1.0, NAN, 3.0])

CASES = {
    "equal": ({"a": [1, "x"]}, {"a": [1, "x"]}, []),
    "number": ({"a": 1.0}, {"a": 1.5}, ["['a']: was 1.0, is 1.5"]),
    "text": (["x"], ["y"], ["[0]: was 'x', is 'y'"]),
    "truth": ([True], [1], ["[0]: was True, is 1"]),
    "key": ({"a": 1}, {"b": 1}, ["a gone, b new"]),
    "length": ([1], [1, 2], ["had 1 item, has 2 items"]),
    "kind": (1, FRAME, ["was a json, is a frame"]),
    "rows": (FRAME, FRAME.head(1), ["had 3 rows, has 1 row"]),
    "columns": (FRAME, FRAME.rename({"b": "c"}), ["columns: b gone, c new"]),
    "order": (FRAME, FRAME.select("b", "a"), ["columns: in another order"]),
    "type": (FRAME, FRAME.with_columns(pl.col("a").cast(pl.Float32)),
             ["column a: was Float64, is Float32"]),
    "cell": (FRAME, FRAME.with_columns(a=pl.Series([1.0, 2.2, None])),
             ["column a: 1 row differ, by at most 0.0909"]),
    "missing cell": (FRAME, FRAME.with_columns(a=pl.Series([1.0, 2.0, 3.0])),
                     ["column a: 1 row differ"]),
    "word": (FRAME, FRAME.with_columns(b=pl.Series(["x", "y", "?"])), ["column b: 1 row differ"]),
    "part": ({"t": FRAME}, {"t": FRAME.head(0)}, ["['t']: had 3 rows, has 0 rows"]),
    "array": (ARRAY, ARRAY * 2, ["2 values differ, by at most 0.5"]),
    "shape": (ARRAY, ARRAY[:2], ["was float64[3], is float64[2]"]),
    "no number": (ARRAY, np.array([1.0, 2.0, 3.0]), ["1 value differ"]),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "words"), CASES.values(), ids=CASES)
def test_it_says_what_differs(blobs: Backend, before: Any, now: Any, words: list[str]) -> None:
    assert compared(blobs, before, now) == words


def test_bytes_that_are_gone_are_no_error(blobs: Backend, tmp_path: Path) -> None:
    other = Backend(f"local://{tmp_path / 'other'}")
    one, two = (keeping.store(blobs, each, "work", AT) for each in (1, 2))
    [found] = comparing.differences(one, other, two, blobs)
    assert "its bytes differ" in found.what
    assert not found.is_within(1.0)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_difference_of_numbers_is_relative_and_the_same_both_ways(
    one: float, other: float
) -> None:
    found, back = comparing.of_numbers(one, other, ""), comparing.of_numbers(other, one, "")
    if one == other:
        assert found is None
        return
    assert found is not None and back is not None and found.largest is not None
    assert found.largest == back.largest
    assert found.largest == pytest.approx(abs(one - other) / max(1.0, abs(one), abs(other)))


@pytest.mark.parametrize(("largest", "is_within"), [(0.1, True), (0.2, False), (None, False)])
def test_only_numbers_can_be_within_a_tolerance(largest: float | None, is_within: bool) -> None:
    assert Difference(where="", what="", largest=largest).is_within(0.1) is is_within
