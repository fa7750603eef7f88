"""The drift test keeps its false alarm rate, finds what it promises, and admits what it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trueup.statistics.distances import psi
from trueup.statistics.drift import benjamini_hochberg, drift_test, merge_rare
from trueup.statistics.summaries import category_bins, comparable, count, numeric_bins

few = settings(max_examples=20, deadline=None)
cells = st.integers(1, 12).flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 60), min_size=size, max_size=size) for _ in "ab"]
    )
)


@few
@given(cells)
def test_merging_keeps_every_row_and_leaves_no_rare_cell(pair):
    a, b = merge_rare(*pair)
    n, m = sum(pair[0]), sum(pair[1])
    if n and m:
        assert (a.sum(), b.sum()) == (n, m)
    if a.size > 1:
        assert (a + b).min() * min(n, m) / (n + m) >= 5 - 1e-9


@few
@given(cells)
def test_the_p_value_is_scipys_unless_cells_are_rare(pair):
    a, b = merge_rare(*pair)
    drift = drift_test(*pair)
    if a.size < 2:
        assert drift.p_value == 1
        return
    expected = stats.chi2_contingency([a, b], correction=False).pvalue
    assert drift.p_value <= min(1, expected / 0.9) + 1e-12
    alone = drift_test(a, b)
    assert alone.p_value == pytest.approx(expected, abs=1e-12)
    assert (alone.psi, alone.cells) == (pytest.approx(psi(a, b)), a.size)


def test_a_rare_cell_is_tested_by_itself_and_exactly():
    before, after = [6_000, 4_000, 0, 0], [60, 40, 0, 4]
    chance = stats.binom.sf(3, 4, 104 / 10_104)
    drift = drift_test(before, after)
    assert drift.p_value == pytest.approx(2 * chance / 0.1)
    assert drift.cells == 3


def test_a_value_that_vanished_from_a_large_window_is_found():
    drift = drift_test([50, 50, 20], [50_000, 50_000, 0])
    assert drift.p_value < 1e-6


@pytest.mark.parametrize("rows", [60, 400, 3_000])
def test_unchanged_numbers_rarely_look_changed(rows):
    rng = np.random.default_rng(rows)
    p_values = []
    for _ in range(150):
        reference = rng.lognormal(size=1_000)
        bins = numeric_bins(reference)
        window = count(bins, rng.lognormal(size=rows))
        p_values.append(drift_test(count(bins, reference), window).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.10
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.09)


def test_a_window_far_larger_than_its_reference_is_no_drift_by_its_tails():
    rng = np.random.default_rng(5)
    reference = rng.normal(size=200)
    bins = numeric_bins(reference)
    window = count(bins, rng.normal(size=20_000))
    assert window[-2:].sum() > 20
    assert drift_test(count(bins, reference), window).p_value > 0.001


def test_a_change_of_the_detectable_size_is_found_four_times_in_five():
    rng = np.random.default_rng(6)
    before = np.full(8, 1 / 8)
    tilt = np.array([1, -1] * 4)
    reference = rng.multinomial(5_000, before)
    promised = drift_test(reference, rng.multinomial(800, before)).minimum_detectable
    size = math.sqrt(promised) / 8  # the index of shares (1 +- 8 size) / 8 is about (8 size)^2
    found = [
        drift_test(rng.multinomial(5_000, before), rng.multinomial(800, before + size * tilt))
        for _ in range(200)
    ]
    assert np.mean([drift.p_value < 0.05 for drift in found]) == pytest.approx(0.8, abs=0.1)


def test_columns_of_rare_values_do_not_look_changed():
    rng = np.random.default_rng(8)
    p_values = []
    for _ in range(40):
        reference, window = ([f"N{tail}" for tail in rng.zipf(1.3, 500)] for _ in range(2))
        bins = category_bins(reference)
        before, after = (comparable(bins, count(bins, rows)) for rows in (reference, window))
        p_values.append(drift_test(before, after).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.15


@pytest.mark.parametrize("scale", [1, 100])
def test_a_new_category_is_found(scale):
    bins = category_bins({"a": 500, "b": 500})
    window = count(bins, ["a"] * 90 + ["b"] * 90 + ["c"] * 20)
    drift = drift_test(scale * count(bins, ["a", "b"] * 500), comparable(bins, window))
    assert drift.p_value < 1e-6
    assert drift.psi_corrected > drift.noise_floor


@pytest.mark.parametrize("window", [[0, 0], [3, 1]])
def test_too_few_rows_are_neither_change_nor_its_absence(window):
    drift = drift_test([700, 300], window)
    assert (drift.p_value, drift.minimum_detectable) == (1.0, math.inf)
    assert drift.n_current == sum(window)


def test_more_rows_detect_less_drift():
    limits = [drift_test([500] * 4, [rows] * 4).minimum_detectable for rows in (10, 100, 1_000)]
    assert limits == sorted(limits, reverse=True)


def test_what_exceeds_the_noise_floor_is_significant_and_the_reverse():
    rng = np.random.default_rng(7)
    for tilt in np.linspace(0, 0.06, 30):
        drift = drift_test(
            rng.multinomial(4_000, [0.25] * 4),
            rng.multinomial(1_000, [0.25 + tilt, 0.25 - tilt, 0.25, 0.25]),
        )
        if not 0.03 < drift.p_value < 0.08:
            assert (drift.psi > drift.noise_floor) == (drift.p_value < 0.05)


@few
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.2))
def test_the_false_discovery_rate_is_controlled_as_scipy_does(p_values, q):
    adjusted, rejected = benjamini_hochberg(p_values, q)
    expected = stats.false_discovery_control(p_values)
    assert adjusted == pytest.approx(expected)
    assert (rejected == (adjusted <= q)).all()


def test_no_tests_give_no_discoveries():
    adjusted, rejected = benjamini_hochberg([])
    assert adjusted.size == rejected.size == 0


@pytest.mark.parametrize("p_values", [[0.1, math.nan], [1.2], [-0.1]])
def test_malformed_p_values_are_refused(p_values):
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg(p_values)
