"""Shares of rows against limits: SciPy is the oracle."""

from __future__ import annotations

import pytest
from scipy import stats

from trueup.statistics import shares

CASES = [(0, 10), (1, 10), (7, 50), (49, 50), (30, 1000), (999, 100_000)]


@pytest.mark.parametrize(("count", "rows"), CASES)
def test_the_upper_bound_is_that_of_clopper_and_pearson(count: int, rows: int) -> None:
    found = stats.binomtest(count, rows, alternative="less").proportion_ci(0.999, "exact")
    assert shares.upper(count, rows) == pytest.approx(found.high, abs=1e-9)


@pytest.mark.parametrize(("count", "rows"), CASES)
@pytest.mark.parametrize("limit", [0.001, 0.03, 0.5])
def test_a_share_is_above_where_the_exact_test_says_so(count: int, rows: int, limit: float) -> None:
    p = stats.binomtest(count, rows, limit, alternative="greater").pvalue
    assert shares.is_above(count, rows, limit) == (p < 0.001)
    assert shares.rarely(count, rows, limit) == pytest.approx(p, abs=1e-9)


def test_where_nothing_is_allowed_one_row_is_too_many() -> None:
    assert shares.is_above(1, 1_000_000, 0.0)
    assert not shares.is_above(0, 10, 0.0)
    assert not shares.is_above(10, 10, 1.0)
    assert shares.upper(10, 10) == 1.0
