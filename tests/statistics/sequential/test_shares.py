"""Looking again and again does not raise false alarms, and real harm is found soon."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trueup.statistics.sequential.shares import (
    count_martingale,
    excess_evidence,
    log_share_evidence,
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


def test_logarithms_of_evidence_add_up_over_periods():
    both = log_share_evidence([3, 8], [20, 9], [0.1, 0.5]).sum()
    one = count_martingale(3, 20, 0.1) * count_martingale(8, 9, 0.5)
    assert both == pytest.approx(math.log(one))


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_evidence_of_excess_is_at_most_one_on_average_up_to_its_ratio(ratio):
    def mean(true_ratio):
        total = 0.0
        odds = [w * true_ratio / (1 - w + w * true_ratio) for w in (0.1, 0.5)]
        first, second = (stats.binom.pmf(range(6), 5, p) for p in odds)
        for x in range(6):
            for y in range(6):
                evidence = excess_evidence([x, y], [5 - x, 5 - y], [0.1, 0.5], ratio)
                total += first[x] * second[y] * math.exp(evidence)
        return total

    assert mean(ratio) == pytest.approx(1)
    assert mean(ratio * 0.7) < 1 < mean(ratio * 1.5)


def test_a_growing_share_is_no_evidence_and_a_higher_rate_is():
    rng = np.random.default_rng(8)
    shares = np.array([0.05, 0.25, 0.5])
    chances = np.repeat(shares, 200)

    def ever(chances):
        falls = rng.random((300, 600)) < chances
        new, rest = (
            np.stack([np.cumsum(part[:, k * 200 : (k + 1) * 200], axis=1) for k in range(3)], 2)
            for part in (falls, ~falls)
        )
        done = np.stack([new[:, -1], rest[:, -1]])
        worst = np.full(300, -np.inf)
        for k in range(3):
            x, y = (
                np.concatenate(
                    [
                        np.broadcast_to(done[side][:, None, :k], (300, 200, k)),
                        part[:, :, k : k + 1],
                        np.zeros((300, 200, 2 - k)),
                    ],
                    axis=2,
                )[:, ::5]
                for side, part in enumerate((new, rest))
            )
            worst = np.maximum(worst, excess_evidence(x, y, shares).max(axis=1))
        return np.mean(worst >= math.log(20))

    assert ever(chances) <= 0.05
    assert ever(2 * chances / (1 - chances + 2 * chances)) >= 0.95
