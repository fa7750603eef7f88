"""Differences and ratios of rates over groups are Fairlearn's, and their bounds hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trueup.statistics.parity import parity


def test_the_worse_of_two_rates_counts() -> None:
    found = parity([[50, 60], [10, 40]], [[100, 100], [100, 100]], "difference")
    assert found.value == pytest.approx(0.3)
    ratio = parity([[50, 60], [10, 40]], [[100, 100], [100, 100]], "ratio")
    assert ratio.value == pytest.approx(0.25)


@pytest.mark.parametrize("groups", [2, 6])
@pytest.mark.parametrize("apart", [0.0, 0.1])
def test_bounds_hold_as_often_as_they_say(groups: int, apart: float) -> None:
    random = np.random.default_rng(groups)
    rates = np.full(groups, 0.4)
    rates[0] -= apart
    held = {"difference": np.zeros(2), "ratio": np.zeros(2)}
    truth = {"difference": apart, "ratio": (0.4 - apart) / 0.4}
    for _ in range(150):
        hits = random.binomial(200, rates)
        for kind, count in held.items():
            found = parity([hits], [[200] * groups], kind)
            count[0] += found.lower <= truth[kind] + 1e-12
            count[1] += found.upper >= truth[kind] - 1e-12
    assert min(count.min() for count in held.values()) >= 0.92 * 150


def test_rates_of_few_rows_are_not_certain_because_they_are_equal() -> None:
    found = parity([[3, 3]], [[3, 3]], "difference")
    assert found.value == 0
    assert found.upper > 0.3


def test_no_yes_at_all_has_no_ratio() -> None:
    assert math.isnan(parity([[0, 0]], [[50, 50]], "ratio").value)
