"""Bounds of means and of their differences hold at every look at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trueup.statistics.sequential.means import (
    bounded_evidence,
    bounded_mean,
    difference_bound,
    mean_difference_sequence,
)


def looks(a: np.ndarray, b: np.ndarray, every: int):
    for t in range(every, a.size + 1, every):
        one, two = a[:t], b[:t]
        yield mean_difference_sequence(
            t, one.mean(), one.var(ddof=1), t, two.mean(), two.var(ddof=1), tuned_at=500
        )


def test_the_interval_keeps_the_truth_at_every_look():
    rng = np.random.default_rng(6)
    kept = [
        all(
            low <= 0.1 <= high
            for low, high in looks(rng.normal(0.1, 1, 500), rng.normal(0, 2, 500), 20)
        )
        for _ in range(100)
    ]
    assert np.mean(kept) >= 0.95


def test_a_difference_is_found():
    rng = np.random.default_rng(7)
    found = [
        any(low > 0 for low, _ in looks(rng.normal(0.5, 1, 500), rng.normal(0, 1, 500), 50))
        for _ in range(20)
    ]
    assert all(found)


def test_the_interval_is_the_published_one_for_equal_arms():
    t, alpha, tuned = 400, 0.05, 300
    rho = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / tuned
    sigma = 2.0  # of the difference, per row of either arm: sqrt(1 / 0.5 + 1 / 0.5)
    reach = sigma * math.sqrt(
        2 * (t * rho + 1) / (t**2 * rho) * math.log(math.sqrt(t * rho + 1) / alpha)
    )
    low, high = mean_difference_sequence(200, 0.7, 1.0, 200, 0.5, 1.0, alpha, tuned)
    assert (low, high) == pytest.approx((0.2 - reach, 0.2 + reach))


@pytest.mark.parametrize("rows", [(1, 0.5, 0.0, 50, 0.5, 0.2), (50, 1.0, 0.0, 50, 0.0, 0.0)])
def test_too_few_or_constant_rows_say_nothing(rows):
    assert mean_difference_sequence(*rows) == (-math.inf, math.inf)


def test_a_malformed_interval_is_refused():
    with pytest.raises(ValueError, match="alpha=0"):
        mean_difference_sequence(9, 0, 1, 9, 0, 1, alpha=0)


def test_a_bound_of_a_difference_is_the_published_one():
    rows, alpha, tuned, variance = 400.0, 0.05, 300.0, 0.01
    rho = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / tuned
    room = rows * rho + 1
    sigma = math.sqrt(variance * rows)
    reach = sigma * math.sqrt(
        2 * room / (rows**2 * rho) * math.log(1 + math.sqrt(room) / (2 * alpha))
    )
    assert difference_bound(0.3, variance, rows, alpha, tuned) == pytest.approx(0.3 - reach)


def test_a_bound_of_a_difference_seldom_passes_the_truth_however_often_one_looks():
    rng = np.random.default_rng(9)
    n = np.arange(1, 3_001, dtype=float)
    one, two = (rng.exponential(1, (200, n.size)) for _ in range(2))
    sums = [np.cumsum(part, axis=1) / n for part in (one, two)]
    spread = sum(np.cumsum(p**2, axis=1) / n - m**2 for p, m in zip((one, two), sums, strict=True))
    bound = difference_bound(sums[0] - sums[1], spread / n, n / 2, alpha=0.05)[:, 50::5]
    assert np.mean((bound > 0).any(axis=1)) <= 0.05
    assert np.mean((bound > -0.15).any(axis=1)) >= 0.9


def test_nothing_is_known_without_rows_or_without_spread():
    assert difference_bound(1.0, 0.0, 10, 0.05) == -math.inf
    assert difference_bound(1.0, 1.0, 0, 0.05) == -math.inf
    assert bounded_mean(0, 0, 0, -1, 0.05) == -math.inf


def test_the_bound_of_bounded_values_is_exact_from_the_first_value_on():
    rng = np.random.default_rng(10)
    values = np.where(rng.random((200, 1_000)) < 0.02, -1.0, 0.02 / 0.98)  # skewed, mean 0
    n = np.arange(1, 1_001)
    totals, squares = np.cumsum(values, axis=1), np.cumsum(values**2, axis=1)
    high = bounded_evidence(n, -totals, squares, 0.0, least=-0.021)[:, ::20]
    low = bounded_evidence(n, totals, squares, 0.0, least=-1)[:, ::20]
    assert np.mean((low >= math.log(20)).any(axis=1)) <= 0.05
    assert np.mean((high >= math.log(20)).any(axis=1)) <= 0.05
    end = bounded_mean(1_000, 60, 50, least=-1, alpha=0.05)
    assert bounded_evidence(1_000, 60, 50, end, least=-1) == pytest.approx(math.log(20))


def test_pairs_that_differ_little_are_soon_known_well():
    n = 2_000
    near = bounded_mean(n, 0.01 * n, 0.0005 * n, least=-1, alpha=0.05)
    far = bounded_mean(n, 0.01 * n, 0.05 * n, least=-1, alpha=0.05)
    assert far < 0 < near < 0.01
    assert bounded_mean(10 * n, 0.1 * n, 0.005 * n, least=-1, alpha=0.05) > near
