"""Counts of an hour: one vector whose meaning the training reference fixes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.monitoring import counts
from trueup.lifecycle.monitoring.counts import Layout, Summary
from trueup.statistics.metrics import quantile_from_histogram
from trueup.statistics.summaries import category_bins, numeric_bins

LAYOUT = Layout({"carrier": category_bins(["UA", "AA"]), "distance": numeric_bins([1.0, 2.0])})


@given(st.dictionaries(st.integers(0, LAYOUT.size - 1), st.integers(-5, 10**12), max_size=30))
def test_packed_counts_come_back_and_equal_counts_have_equal_bytes(filled: dict[int, int]) -> None:
    vector = LAYOUT.zeros(1)[0]
    for place, value in filled.items():
        vector[place] = value
    raw = counts.pack(vector)
    back = LAYOUT.zeros(1)[0]
    counts.unpack_into(back, raw)
    assert (back == vector).all()
    assert counts.pack(back) == raw


def test_adding_packed_counts_is_a_sum() -> None:
    vector = LAYOUT.zeros(1)[0]
    counts.add_failure(vector, rows=3)
    raw = counts.pack(vector)
    counts.unpack_into(vector, raw)
    summary = Summary(LAYOUT, vector)
    assert (summary.failures, summary.failed_rows) == (2, 6)


@given(
    st.lists(
        st.dictionaries(st.integers(0, LAYOUT.size - 1), st.integers(-5, 10**12), max_size=9),
        max_size=6,
    )
)
def test_many_packed_counts_at_once_add_up_as_one_by_one(hours: list[dict[int, int]]) -> None:
    packed, expected = [], LAYOUT.zeros(1)[0]
    for filled in hours:
        vector = LAYOUT.zeros(1)[0]
        vector[list(filled)] = list(filled.values())
        packed.append(counts.pack(vector))
        expected += vector
    found = LAYOUT.zeros(1)[0]
    counts.unpack_into(found, *packed)
    assert (found == expected).all()


def test_counts_of_another_layout_are_refused() -> None:
    other = Layout({"distance": numeric_bins([1.0, 2.0, 3.0])})
    with pytest.raises(ValueError, match="do not fit"):
        counts.unpack_into(other.zeros(1)[0], counts.pack(LAYOUT.zeros(1)[0]))


def test_every_place_of_the_vector_belongs_to_one_thing() -> None:
    summary = Summary(LAYOUT, np.arange(LAYOUT.size))
    named = [
        np.array([summary.rows, summary.failures, summary.failed_rows]),
        summary.latency,
        summary.scores.ravel(),
        summary.column("carrier"),
        summary.column("distance"),
    ]
    assert np.concatenate(named).tolist() == list(range(LAYOUT.size))


def test_a_score_that_is_no_probability_is_counted_apart() -> None:
    cells = counts.score_cells(np.array([0.0, 0.9999, 1.0, -0.1, 1.1, np.nan, np.inf]))
    assert cells.tolist() == [0, 1023, 1023, 1024, 1024, 1024, 1024]


@given(st.floats(1e-5, 99.0))
def test_latency_is_known_to_an_eighth(seconds: float) -> None:
    vectors = LAYOUT.zeros(1)
    counts.add_seconds(vectors, np.zeros(1, dtype=np.int64), np.array([seconds]))
    latency = Summary(LAYOUT, vectors[0]).latency
    median = quantile_from_histogram(counts.LATENCY_EDGES, latency, 0.5)
    assert median == pytest.approx(seconds, rel=1 / 8)


def test_latencies_out_of_range_are_counted_at_the_ends() -> None:
    vectors = LAYOUT.zeros(1)
    counts.add_seconds(vectors, np.zeros(3, dtype=np.int64), np.array([0.0, 1e-7, 1e6]))
    latency = Summary(LAYOUT, vectors[0]).latency
    assert (latency[0], latency[-1], latency.sum()) == (2, 1, 3)
