"""Distances agree with SciPy, and with the law that chance follows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from trueup.statistics.distances import (
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    kolmogorov_smirnov_p,
    noise_floor,
    psi,
    psi_corrected,
    total_variation,
    wasserstein,
)

cells = st.integers(2, 8).flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 50), min_size=size, max_size=size).filter(any) for _ in "ab"]
    )
)
few = settings(max_examples=20, deadline=None)
DISTANCES = (psi, jensen_shannon, hellinger, total_variation, kolmogorov_smirnov)


@few
@given(cells)
def test_jensen_shannon_is_scipys_with_base_two(pair):
    expected = distance.jensenshannon(np.array(pair[0]), np.array(pair[1]), 2)
    assert jensen_shannon(*pair) == pytest.approx(expected, abs=1e-7)


@few
@given(cells)
def test_wasserstein_is_scipys(pair):
    positions = np.arange(len(pair[0])) ** 2.0
    expected = stats.wasserstein_distance(positions, positions, *pair)
    assert wasserstein(positions, *pair) == pytest.approx(expected)


@few
@given(cells)
def test_kolmogorov_smirnov_is_scipys_on_the_rows(pair):
    values = [np.repeat(np.arange(len(counts)), counts) for counts in pair]
    expected = stats.ks_2samp(*values, method="asymp").statistic
    assert kolmogorov_smirnov(*pair) == pytest.approx(expected)


@few
@given(cells)
def test_bounded_distances_are_ordered_as_theory_says(pair):
    variation, root = total_variation(*pair), hellinger(*pair)
    assert root**2 <= variation + 1e-12 <= math.sqrt(2) * root + 1e-9
    assert jensen_shannon(*pair) <= 1 + 1e-12
    assert kolmogorov_smirnov(*pair) <= variation + 1e-12


@few
@given(cells)
def test_distances_are_symmetric_and_ignore_scale_except_for_smoothing(pair):
    a, b = (np.array(counts) for counts in pair)
    for measure in DISTANCES:
        assert measure(a, b) == pytest.approx(measure(b, a), abs=1e-12)
    for measure in DISTANCES[1:]:
        assert measure(a, 3 * a) == pytest.approx(0, abs=1e-7)
        assert measure(7 * a, b) == pytest.approx(measure(a, b), abs=1e-7)


def test_psi_is_smoothed_by_half_a_row_per_cell():
    p, q = (90.5 / 101, 10.5 / 101), (80.5 / 81, 0.5 / 81)
    expected = sum((x - y) * math.log(x / y) for x, y in zip(p, q, strict=True))
    assert psi([90, 10], [80, 0]) == pytest.approx(expected)


def test_cells_empty_on_both_sides_do_not_count_as_drift():
    assert psi([9_000, 1_000, 0, 0, 0], [9, 1, 0, 0, 0]) == psi([9_000, 1_000], [9, 1])


@pytest.mark.parametrize("measure", DISTANCES)
def test_an_empty_side_has_no_distance(measure):
    assert math.isnan(measure([0, 0], [1, 2]))
    assert math.isnan(measure([1, 2], [0, 0]))


@pytest.mark.parametrize("measure", DISTANCES)
def test_counts_over_other_cells_are_refused(measure):
    with pytest.raises(ValueError, match="same cells"):
        measure([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="negative"):
        measure([1, 2], [1, -2])


def test_wasserstein_wants_one_ascending_position_per_cell():
    with pytest.raises(ValueError, match="ascending"):
        wasserstein([1.0, 0.0], [1, 1], [1, 1])
    with pytest.raises(ValueError, match="one per cell"):
        wasserstein([1.0], [1, 1], [1, 1])


def unchanged(rows: int, windows: int = 400, bins: int = 10) -> tuple[list, list]:
    rng = np.random.default_rng(rows)
    shares = np.full(bins, 1 / bins)
    reference = rng.multinomial(5_000, shares, windows)
    return list(reference), list(rng.multinomial(rows, shares, windows))


@pytest.mark.parametrize(
    "scaled",
    [
        psi,
        lambda a, b: 8 * hellinger(a, b) ** 2,
        lambda a, b: 8 * jensen_shannon(a, b) ** 2 * math.log(2),
    ],
    ids=["psi", "hellinger", "jensen_shannon"],
)
def test_unchanged_windows_follow_the_chi_square_law(scaled):
    rows = 1_000
    k = 5_000 * rows / (5_000 + rows)
    values = k * np.array([scaled(a, b) for a, b in zip(*unchanged(rows), strict=True)])
    assert values.mean() == pytest.approx(9, abs=0.6)
    assert values.var() == pytest.approx(18, rel=0.3)


def test_the_noise_floor_holds_for_the_stated_share_of_unchanged_windows():
    floor = noise_floor(5_000, 500, 10)
    over = np.mean([psi(a, b) > floor for a, b in zip(*unchanged(500), strict=True)])
    assert over == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize(("rows", "floor"), [(100, 0.173), (200, 0.088), (1_000, 0.020)])
def test_noise_floors_of_small_windows(rows, floor):
    assert noise_floor(5_000, rows, 10) == pytest.approx(floor, abs=6e-4)


def test_without_rows_everything_is_noise():
    assert noise_floor(100, 0, 10) == math.inf
    assert math.isnan(psi_corrected(0.1, 100, 0, 10))
    assert noise_floor(100, 100, 1) == 0


def test_the_corrected_index_is_about_zero_when_nothing_changed():
    values = [
        psi_corrected(psi(a, b), 5_000, 200, 10) for a, b in zip(*unchanged(200), strict=True)
    ]
    assert np.median(values) < 0.005
    assert min(values) == 0


def test_kolmogorov_p_value_is_scipys_for_many_rows():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=4_000), rng.normal(0.05, 1, size=3_000)
    exact = stats.ks_2samp(a, b, method="asymp")
    assert kolmogorov_smirnov_p(exact.statistic, 4_000, 3_000) == pytest.approx(
        exact.pvalue, rel=0.05
    )
