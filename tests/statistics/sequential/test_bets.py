"""A gambler who cannot win against a tolerated loss gets rich from a greater one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trueup.statistics.sequential.bets import betting_process


def test_bets_multiply_as_written():
    losses, null_mean = np.array([0.2, 0.9, 0.4]), 0.3
    stakes = np.array([0.05, 0.1, 0.2, 0.4, 0.8]) / null_mean
    wealth = np.cumprod(1 + stakes[:, None] * (losses - null_mean), axis=1).mean(axis=0)
    assert betting_process(losses, null_mean) == pytest.approx(wealth)


def test_a_tolerated_loss_seldom_alarms_however_long_one_watches():
    rng = np.random.default_rng(4)
    paths = [betting_process(rng.random(1_500) < 0.17, 0.17) for _ in range(200)]
    assert np.mean([path.max() >= 20 for path in paths]) <= 0.075


@pytest.mark.parametrize(("loss", "median"), [(0.25, 149), (0.21, 641)])
def test_a_greater_loss_is_found_as_soon_as_theory_says(loss, median):
    rng = np.random.default_rng(5)
    first = []
    for _ in range(100):
        over = np.flatnonzero(betting_process(rng.random(4_000) < loss, 0.17) >= 20)
        first.append(over[0] if over.size else math.inf)
    assert np.median(first) == pytest.approx(median, rel=0.3)


def test_no_losses_are_no_evidence():
    assert betting_process([], 0.2).size == 0


def test_long_evidence_overflows_to_infinity_and_to_zero():
    assert betting_process(np.ones(5_000), 0.1)[-1] == math.inf
    assert betting_process(np.zeros(100_000), 0.5)[-1] == 0


@pytest.mark.parametrize(("losses", "null_mean"), [([1.1], 0.5), ([math.nan], 0.5), ([0.5], 0.0)])
def test_losses_out_of_range_are_refused(losses, null_mean):
    with pytest.raises(ValueError, match="between 0 and 1"):
        betting_process(losses, null_mean)
