"""Quantiles are bounded by order statistics, whatever shape the values have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trueup.statistics.quantiles import fewest, quantile


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("count", [60, 301])
def test_the_upper_bound_is_the_smallest_order_statistic_that_covers(q: float, count: int) -> None:
    upper = quantile(range(1, count + 1), q).upper
    covered = [stats.binom.cdf(k - 1, count, q) >= 0.95 for k in range(1, count + 1)]
    assert upper == covered.index(True) + 1


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_the_lower_bound_is_the_largest_order_statistic_that_covers(q: float) -> None:
    lower = quantile(range(1, 101), q).lower
    covered = [stats.binom.sf(k - 1, 100, q) >= 0.95 for k in range(1, 101)]
    assert lower == max(k for k, holds in enumerate(covered, 1) if holds)


def test_bounds_hold_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    truth = float(np.exp(stats.norm.ppf(0.95)))
    found = [quantile(random.lognormal(size=120), 0.95) for _ in range(400)]
    kept = sum(f.upper is not None and f.upper >= truth for f in found) / len(found)
    assert kept >= 0.93


def test_too_few_values_bound_nothing_from_above() -> None:
    assert quantile(range(58), 0.95).upper is None
    assert quantile(range(fewest(0.95)), 0.95).upper == 58.0


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0], 1.0), ([1.0], 0.0)])
def test_nothing_has_no_quantile(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(values, q)
