"""Quantiles and distributions of two arms, from counts, valid at every look."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trueup.statistics.sequential.quantiles import (
    least_quantile_evidence,
    log_change_evidence,
    log_quantile_evidence,
    quantile_excess,
)

EDGES = np.geomspace(1.0, 1_000.0, 301)  # milliseconds


def counted(values: np.ndarray) -> np.ndarray:
    return np.histogram(values, EDGES)[0][None, :]


def excess(new, control, margin=0.25, quantile=0.9, alpha=0.05):
    return quantile_excess(
        counted(new), counted(control), EDGES, quantile, margin, 1.0, (alpha,) * 2
    )


def test_evidence_in_the_quantiles_own_bin_is_at_most_one_on_average():
    chances = stats.binom.pmf(range(41), 40, 0.7)  # values below 0.7 of a uniform variable
    evidence = [log_quantile_evidence([x, 0, 40 - x], 0.7)[1] for x in range(41)]
    assert chances @ np.exp(evidence) == pytest.approx(1)


def test_the_interval_of_a_quantile_is_a_run_of_bins_around_it():
    rng = np.random.default_rng(1)
    counts = np.histogram(rng.exponential(100.0, 5_000), EDGES)[0]
    kept = np.flatnonzero(log_quantile_evidence(counts, 0.5) < math.log(20))
    assert (np.diff(kept) == 1).all()
    assert EDGES[kept[0]] < 100 * math.log(2) < EDGES[kept[-1] + 1]
    assert EDGES[kept[-1] + 1] / EDGES[kept[0]] < 1.3


def test_a_slower_arm_exceeds_the_margin_and_an_equal_one_does_not():
    rng = np.random.default_rng(2)
    control = rng.gamma(4.0, 10.0, 20_000)
    slower = excess(1.5 * rng.gamma(4.0, 10.0, 4_000), control)
    equal = excess(rng.gamma(4.0, 10.0, 4_000), control)
    assert 1 < slower.low < 2 < slower.high
    assert equal.low < 0 < equal.high < 1


def test_an_excess_beyond_all_bounds_is_cut_at_ten_margins():
    rng = np.random.default_rng(7)
    fast, slow = rng.gamma(4.0, 5.0, 3_000), 9 * rng.gamma(4.0, 5.0, 3_000)
    assert excess(slow, fast).low == 10
    assert excess(fast, slow).high < -2


def test_the_bounds_are_in_parts_of_the_margin_or_of_the_floor():
    rng = np.random.default_rng(3)
    control, new = rng.gamma(4.0, 10.0, 9_000), 1.5 * rng.gamma(4.0, 10.0, 9_000)
    wide, narrow = excess(new, control, margin=0.5), excess(new, control, margin=0.25)
    assert wide.low == pytest.approx(narrow.low / 2, abs=0.1)
    floored = quantile_excess(counted(new), counted(control), EDGES, 0.9, 0.25, 500.0, (0.05, 0.05))
    assert -0.2 < floored.low < floored.high < 0.2


def test_periods_add_their_evidence():
    rng = np.random.default_rng(4)
    parts = 1.2 * rng.gamma(4.0, 10.0, 900), rng.gamma(4.0, 10.0, 900)
    one = excess(*parts)
    new, control = (np.concatenate([counted(part)] * 2) for part in parts)
    both = quantile_excess(new, control, EDGES, 0.9, 0.25, 1.0, (0.05, 0.05))
    assert both.high - both.low < one.high - one.low


def test_without_values_nothing_is_known():
    nothing = excess(np.zeros(0), np.zeros(0))
    assert nothing.low < -3  # nothing can be faster than no time at all
    assert nothing.high == 10


def test_equal_arms_are_seldom_told_apart_however_often_one_looks():
    rng = np.random.default_rng(5)
    runs, step, share = 150, 100, 0.2
    bins = np.arange(301, dtype=np.intp)[:-1]
    new, control = np.zeros((runs, 300)), np.zeros((runs, 300))
    slower, changed = np.zeros(runs, bool), np.zeros(runs, bool)
    for _ in range(20):
        for run in range(runs):
            values = np.histogram(rng.lognormal(3.0, 0.8, (step,)), EDGES)[0]
            ours = rng.binomial(values, share)
            new[run] += ours
            control[run] += values - ours
        evidence = least_quantile_evidence(
            log_quantile_evidence(new, 0.9), log_quantile_evidence(control, 0.9), bins
        )
        slower |= evidence >= math.log(20)
        coarse = [part.reshape(runs, 20, 15).sum(axis=2) for part in (new, control)]
        changed |= log_change_evidence(*coarse, np.full(runs, share)) >= math.log(20)
    assert slower.mean() <= 0.05
    assert changed.mean() <= 0.05


def test_another_distribution_is_found():
    rng = np.random.default_rng(6)
    control, new = rng.beta(2, 5, 8_000), rng.beta(2, 4, 2_000)
    counts = [np.histogram(part, np.linspace(0, 1, 21))[0] for part in (new, control)]
    assert log_change_evidence(*counts, 0.2) > math.log(100)
