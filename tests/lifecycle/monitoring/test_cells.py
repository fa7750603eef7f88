"""Cells for many hours at once: the same counts as the one definition in `statistics`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.monitoring.cells import count_by_hour
from trueup.statistics import summaries

NUMBERS = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1.0, float("inf"), float("-inf")])
WORDS = st.sampled_from(["a", "b", "c", "d", "true"]) | st.none()


def _by_hour(bins: summaries.Bins, values: list[object], hours: list[int]) -> list[list[int]]:
    return [
        summaries.count(
            bins, [v for v, at in zip(values, hours, strict=True) if at == hour]
        ).tolist()
        for hour in range(3)
    ]


@given(
    st.lists(NUMBERS, max_size=40),
    st.lists(st.tuples(NUMBERS | st.none(), st.integers(0, 2)), max_size=40),
)
def test_numbers(trained: list[float], traffic: list[tuple[float | None, int]]) -> None:
    bins = summaries.numeric_bins(trained, most=8)
    values = [value for value, _ in traffic]
    hours = [hour for _, hour in traffic]
    found = count_by_hour(bins, values, np.array(hours, dtype=np.int64), 3)
    known = [float("nan") if value is None else value for value in values]
    assert found.tolist() == _by_hour(bins, known, hours)


@given(
    st.lists(WORDS, max_size=20),
    st.integers(0, 3),
    st.integers(0, 3),
    st.lists(st.tuples(WORDS, st.integers(0, 2)), max_size=40),
)
def test_words(
    trained: list[str | None], most: int, remembered: int, traffic: list[tuple[str | None, int]]
) -> None:
    bins = summaries.category_bins(trained, most=most, remembered=remembered)
    values = [value for value, _ in traffic]
    hours = [hour for _, hour in traffic]
    found = count_by_hour(bins, values, np.array(hours, dtype=np.int64), 3)
    assert found.tolist() == _by_hour(bins, values, hours)


def test_flags_are_the_words_that_training_made_of_them() -> None:
    bins = summaries.category_bins(["true", "false", "true"])
    found = count_by_hour(bins, [True, False, None, True], np.zeros(4, dtype=np.int64), 1)
    assert dict(zip(summaries.labels(bins), found[0].tolist(), strict=True)) == {
        "true": 2,
        "false": 1,
        "__other__": 0,
        "__new__": 0,
        "__missing__": 1,
    }
