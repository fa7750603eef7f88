"""Exact distances of samples agree with SciPy on every row, also where shortcuts are taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trueup.statistics import samples, summaries

numbers = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=60
)
some = settings(max_examples=60, deadline=None)


@pytest.mark.filterwarnings("ignore:divide by zero")  # in SciPy's p-value of one row
@settings(max_examples=40, deadline=None)
@given(numbers, numbers, st.sampled_from([2, 3, 6_000]))
def test_kolmogorov_smirnov_is_scipys(a, b, grid):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_GRID", grid)
        found = samples.kolmogorov_smirnov(np.sort(a), np.sort(b))
    assert found == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-12)


@some
@given(numbers, numbers, st.sampled_from([1, 7, 32_768]))
def test_wasserstein_is_scipys(a, b, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_BLOCK", block)
        found = samples.wasserstein(np.sort(a), np.sort(b))
    assert found == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("rows", [(20_000, 20_000), (20_000, 19_990), (20_000, 300)])
def test_many_rows_are_as_exact_as_few(rows):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=rows[0]), rng.normal(0.02, 1, rows[1]).round(3)
    first, second = samples.sorted_sample(a).values, samples.sorted_sample(b).values
    smirnov = stats.ks_2samp(a, b, method="asymp").statistic
    assert samples.kolmogorov_smirnov(first, second) == pytest.approx(smirnov, abs=1e-12)
    moved = stats.wasserstein_distance(a, b)
    assert samples.wasserstein(first, second) == pytest.approx(moved, rel=1e-9)


def test_missing_and_infinite_values_are_counted_and_left_out():
    found = samples.sorted_sample([np.nan, 2.0, -np.inf, 1.0, np.inf, np.nan], nulls=3)
    assert (found.values.tolist(), found.missing, found.infinite) == ([1.0, 2.0], 5, 2)
    assert found.rows == 9


@pytest.mark.parametrize("type_", [np.int8, np.int64, np.uint32, np.float32, np.bool_])
def test_every_type_of_number_is_sorted(type_):
    values = np.array([3, 1, 0, 2]).astype(type_)
    assert samples.sorted_sample(values).values.tolist() == sorted(values.astype(float).tolist())


def test_without_values_there_is_no_distance():
    nothing = np.array([])
    assert np.isnan(samples.kolmogorov_smirnov(nothing, np.array([1.0])))
    assert np.isnan(samples.wasserstein(np.array([1.0]), nothing))


@some
@given(numbers, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_are_numpys(values, shares):
    expected = np.quantile(values, shares)
    assert samples.quantiles(np.sort(values), shares) == pytest.approx(expected)


@some
@given(numbers, st.integers(1, 12))
def test_distinct_values_are_those_of_a_set(values, most):
    found = samples.distinct(np.sort(values), most)
    expected = sorted(set(values))
    assert (None if found is None else found.tolist()) == (
        expected if len(expected) <= most else None
    )


@some
@given(numbers, numbers)
def test_counting_sorted_values_is_counting_values(reference, current):
    bins = summaries.numeric_bins(reference, most=5)
    assert bins == summaries.bins_of_sorted(np.sort(reference), most=5)
    counted = summaries.count_sorted(bins, np.sort(current))
    assert counted.tolist() == summaries.count(bins, current).tolist()
