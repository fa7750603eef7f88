"""Looking again and again does not raise false alarms, and real harm is found soon."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trueup.statistics.sequential import (
    betting_process,
    count_martingale,
    mean_difference_sequence,
    sample_ratio,
)


def test_evidence_is_the_ratio_of_beta_functions():
    a, b, w, x, y = 1.0, 9.0, 0.1, 3, 4
    betas = math.gamma(a + x) * math.gamma(b + y) / math.gamma(a + b + x + y)
    betas /= math.gamma(a) * math.gamma(b) / math.gamma(a + b)
    assert count_martingale(x, y, w) == pytest.approx(betas / (w**x * (1 - w) ** y))


@pytest.mark.parametrize("events", [1, 7, 40])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_evidence_is_one_on_average_if_the_rates_are_equal(events, share):
    chances = stats.binom.pmf(range(events + 1), events, share)
    evidence = [count_martingale(x, events - x, share) for x in range(events + 1)]
    assert chances @ evidence == pytest.approx(1)


@pytest.mark.parametrize("state", [(0, 0), (5, 2), (1, 30)])
def test_evidence_is_a_martingale_from_every_state(state):
    x, y = state
    ahead = 0.2 * count_martingale(x + 1, y, 0.2) + 0.8 * count_martingale(x, y + 1, 0.2)
    assert ahead == pytest.approx(count_martingale(x, y, 0.2))


def test_a_healthy_canary_is_seldom_rolled_back_however_often_one_looks():
    rng = np.random.default_rng(1)
    rolled_back = 0
    for _ in range(40):
        x = np.cumsum(rng.random(120) < 0.1)
        looks = zip(x.tolist(), range(1, 121), strict=True)
        rolled_back += any(count_martingale(c, t - c, 0.1) >= 20 and c / t > 0.1 for c, t in looks)
    assert rolled_back / 40 <= 0.05


def test_a_canary_that_fails_three_times_as_often_is_caught_early():
    rng = np.random.default_rng(2)
    chance = 0.1 * 3 / (0.1 * 3 + 0.9)
    needed = []
    for _ in range(30):
        x = np.cumsum(rng.random(300) < chance).tolist()
        alarms = (t for t, c in enumerate(x, 1) if count_martingale(c, t - c, 0.1) >= 20)
        needed.append(next(alarms, math.inf))
    assert np.median(needed) <= 60
    assert max(needed) < 300


def test_overwhelming_evidence_is_infinite_and_no_error():
    assert count_martingale(100_000, 0, 0.01) == math.inf
    assert sample_ratio([1_000_000, 1_000_000], [0.5, 0.5]) > 0


@pytest.mark.parametrize(
    ("counts", "shares"),
    [([1, 2], [0.5, 0.6]), ([1, 2], [0, 1]), ([1], [0.5, 0.5]), ([-1, 2], [0.5, 0.5])],
)
def test_malformed_shares_are_refused(counts, shares):
    with pytest.raises(ValueError, match="must"):
        sample_ratio(counts, shares)


def test_a_wrong_split_is_found_and_a_right_one_is_not():
    rng = np.random.default_rng(3)
    shares = [0.2, 0.3, 0.5]
    right = [sample_ratio(rng.multinomial(3_000, shares), shares) for _ in range(100)]
    wrong = [sample_ratio(rng.multinomial(3_000, [0.25, 0.3, 0.45]), shares) for _ in range(100)]
    assert np.mean(np.array(right) >= 20) <= 0.05
    assert np.mean(np.array(wrong) >= 20) >= 0.9


def test_a_ratio_of_three_is_one_on_average():
    shares = [0.2, 0.3, 0.5]
    total = sum(
        stats.multinomial.pmf([x, y, 6 - x - y], 6, shares)
        * sample_ratio([x, y, 6 - x - y], shares)
        for x in range(7)
        for y in range(7 - x)
    )
    assert total == pytest.approx(1)


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
