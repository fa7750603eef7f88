"""The share of rows that are elsewhere: its test, its bias, and what it could have shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trueup.statistics import samples, shifts

UNIFORM = np.full(8, 1 / 8)
SKEWED = np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.01, 0.01])


def test_the_p_value_of_samples_is_kolmogorovs():
    shift = shifts.of_samples(0.08, 900, 1_100)
    expected = stats.kstwobign.sf(math.sqrt(900 * 1_100 / 2_000) * 0.08)
    assert shift.p_value == pytest.approx(expected, abs=1e-12)


def test_the_p_value_of_a_table_is_scipys():
    table = [[480, 310, 210], [530, 300, 170]]
    expected = stats.chi2_contingency(table, correction=False)
    assert shifts.of_table(*table).p_value == pytest.approx(expected.pvalue, abs=1e-9)


@pytest.mark.parametrize("cells", [UNIFORM, SKEWED, np.array([0.5, 0.5])])
def test_chance_alone_stays_below_the_noise_floor_of_a_table(cells):
    rng = np.random.default_rng(3)
    draws = [
        shifts.of_table(rng.multinomial(3_000, cells), rng.multinomial(800, cells))
        for _ in range(300)
    ]
    above = np.mean([draw.observed > draw.noise_floor for draw in draws])
    assert 0.01 < above < 0.09
    assert np.mean([draw.effect for draw in draws]) < np.mean([d.observed for d in draws]) / 2


def test_chance_alone_stays_below_the_noise_floor_of_samples():
    rng = np.random.default_rng(4)
    above = []
    for _ in range(300):
        found = samples.kolmogorov_smirnov(
            np.sort(rng.normal(size=400)), np.sort(rng.normal(size=300))
        )
        above.append(found > shifts.of_samples(found, 400, 300).noise_floor)
    assert np.mean(above) < 0.08


def test_the_effect_of_a_large_change_is_the_change():
    shift = shifts.of_table([5_000, 5_000], [3_500, 6_500])
    assert shift.effect == pytest.approx(0.15, abs=0.001)
    assert shifts.of_samples(0.15, 10_000, 10_000).effect == pytest.approx(0.15, abs=0.002)


@pytest.mark.parametrize("alpha", [0.05, 0.0025])
def test_a_change_that_is_detectable_is_found_in_four_of_five_cases(alpha):
    rng = np.random.default_rng(5)
    least = shifts.detectable(shifts.of_table(UNIFORM * 4_000, UNIFORM * 1_000), alpha)
    moved = UNIFORM + np.repeat([least / 4, -least / 4], 4)
    found = [
        shifts.of_table(rng.multinomial(4_000, UNIFORM), rng.multinomial(1_000, moved)).p_value
        <= alpha
        for _ in range(300)
    ]
    assert np.mean(found) > 0.75


def test_a_shift_that_is_detectable_is_found_in_four_of_five_cases_where_it_is_hardest_to_see():
    rng = np.random.default_rng(6)
    least = shifts.detectable(shifts.of_samples(0.0, 2_000, 500), 0.01)
    found = []
    for _ in range(400):
        # The rows just below one half moved just above it: the gap is wide at one place only.
        now = rng.random(500)
        now[(now > 0.5 - least) & (now < 0.5)] += least
        distance = samples.kolmogorov_smirnov(np.sort(rng.random(2_000)), np.sort(now))
        found.append(shifts.of_samples(distance, 2_000, 500).p_value <= 0.01)
    assert 0.74 < np.mean(found) < 0.92


def test_rows_needed_are_just_enough():
    shift = shifts.of_samples(0.0, 50_000, 300)
    needed = shifts.rows_needed(shift, 0.05, 0.0025)
    assert shifts.detectable(shifts.of_samples(0.0, 50_000, needed), 0.0025) <= 0.05
    assert shifts.detectable(shifts.of_samples(0.0, 50_000, needed - 1), 0.0025) > 0.05


def test_a_reference_can_be_too_small_for_any_number_of_rows():
    assert shifts.rows_needed(shifts.of_samples(0.0, 200, 10**9), 0.05, 0.05) == 0


def test_a_column_of_one_value_says_how_much_of_another_would_have_been_seen():
    constant = shifts.of_table([2_000], [1_000])
    assert constant.p_value == 1
    least = shifts.detectable(constant, 0.01)
    assert least < 0.05
    other = math.ceil(least * 1_000)
    assert shifts.of_table([2_000, 0], [1_000 - other, other]).p_value < 0.01
    assert 0 < shifts.rows_needed(constant, 0.05, 0.01) < 1_000


def test_what_is_always_different_cannot_be_tested():
    shift = shifts.untestable(10**6, 10**6)
    assert shifts.detectable(shift, 0.05) == math.inf
    assert shifts.rows_needed(shift, 0.05, 0.05) == 0


def test_no_rows_show_nothing():
    assert shifts.detectable(shifts.of_samples(math.nan, 0, 10), 0.05) == math.inf
    assert shifts.of_table([0, 0], [3, 4]).p_value == 1
