"""What two arms' rates may differ by, exact however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trueup.statistics.sequential.rates import (
    difference_evidence,
    log_rate_evidence,
    rate_difference,
)


def test_evidence_against_the_true_rate_is_one_on_average():
    chances = stats.binom.pmf(range(21), 20, 0.03)
    assert chances @ np.exp(log_rate_evidence(range(21), 20, 0.03)) == pytest.approx(1)


@pytest.mark.parametrize(("rate", "difference"), [(0.01, 0.0), (0.2, 0.1), (0.5, -0.4)])
def test_evidence_against_the_true_difference_is_at_most_one_on_average(rate, difference):
    x, y = np.meshgrid(range(13), range(31), indexing="ij")
    chances = np.outer(
        stats.binom.pmf(range(13), 12, rate + difference), stats.binom.pmf(range(31), 30, rate)
    )
    evidence = difference_evidence(x, 12, y, 30, difference)
    assert np.sum(chances * np.exp(evidence)) <= 1


def test_the_interval_holds_the_differences_that_are_not_refuted():
    low, high = rate_difference([30], [1_000], [40], [4_000], alpha=0.05)
    assert low < 0.02 < high
    for end in (low, high):
        assert difference_evidence(30, 1_000, 40, 4_000, end) == pytest.approx(math.log(20), 1e-3)


def test_no_failure_at_all_still_bounds_the_difference():
    few, many = (rate_difference([0], [n], [0], [9 * n])[1] for n in (100, 3_000))
    assert 0.02 < few < 0.1
    assert 0 < many < 0.004


def test_nothing_is_known_without_rows():
    assert rate_difference([0], [0], [0], [0]) == (pytest.approx(-1), pytest.approx(1))
    low, high = rate_difference([0], [0], [3], [100])
    assert low < 0
    assert high > 0.9


def test_the_interval_keeps_the_truth_at_every_look_although_the_rates_change_between_periods():
    rng = np.random.default_rng(1)
    looks = np.array([50, 100, 200, 400, 800])
    lost = np.zeros(400, dtype=bool)
    before = [np.zeros((400, 0)) for _ in range(4)]
    for rate, share in [(0.02, 0.1), (0.2, 0.5)]:
        rows1 = looks
        rows0 = (looks * (1 - share) / share).astype(int)
        x1 = np.cumsum(rng.binomial(np.diff(rows1, prepend=0), rate + 0.03, (400, 5)), axis=1)
        x0 = np.cumsum(rng.binomial(np.diff(rows0, prepend=0), rate, (400, 5)), axis=1)
        for look in range(5):
            parts = [
                np.column_stack([kept, np.broadcast_to(now, 400)])
                for kept, now in zip(
                    before, (x1[:, look], rows1[look], x0[:, look], rows0[look]), strict=True
                )
            ]
            lost |= difference_evidence(*parts, 0.03).sum(axis=1) >= math.log(20)
        before = parts
    assert lost.mean() <= 0.05
