"""Calibration error, its bounds, Spiegelhalter's test and the parts of the Brier score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.statistics.reliability import brier_parts, grouped, reliability, spiegelhalter


def world(rows: int, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and scores that are too high by a shift."""
    random = np.random.default_rng(seed)
    chance = random.beta(2, 5, rows)
    return (random.random(rows) < chance).astype(float), np.clip(chance + shift, 0, 1)


def test_the_error_is_the_mean_distance_over_groups_of_equal_mass() -> None:
    labels, scores = world(3000, 1)
    order = np.argsort(scores)
    by_hand = np.mean(
        [abs(scores[part].mean() - labels[part].mean()) for part in np.split(order, 15)]
    )
    assert reliability(labels, scores).error == pytest.approx(by_hand, abs=1e-12)


def test_rows_of_one_score_stay_together() -> None:
    assert len(set(grouped(np.repeat([0.2, 0.7], 50), 15).tolist())) == 2


@pytest.mark.parametrize(("shift", "truth"), [(0.0, 0.0), (0.05, 0.05)])
def test_bounds_hold_as_often_as_they_say(shift: float, truth: float) -> None:
    found = [reliability(*world(800, seed, shift), draws=200, seed=seed) for seed in range(150)]
    assert np.mean([one.upper >= truth for one in found]) >= 0.92
    assert np.mean([one.lower <= truth for one in found]) >= 0.92
    assert np.mean([one.error for one in found]) > truth  # what nobody should hold a limit against
    # What resampling overstates is taken off again, else far more rows would be needed.
    assert np.mean([one.upper - one.error - 2 * one.spread for one in found]) < 0


def test_many_rows_pin_the_error_down() -> None:
    found = reliability(*world(200_000, 0, 0.05))
    assert 0.045 < found.lower < found.error < found.upper < 0.055


def test_spiegelhalter_is_standard_normal_for_true_probabilities() -> None:
    z = [spiegelhalter(*world(500, seed))[0] for seed in range(400)]
    assert np.mean(z) == pytest.approx(0, abs=0.15)
    assert np.std(z) == pytest.approx(1, abs=0.1)
    assert spiegelhalter(*world(2000, 1, 0.1))[1] < 0.001
    assert math.isnan(spiegelhalter([0, 1], [0.0, 1.0])[0])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60),
    st.integers(2, 20),
)
def test_the_parts_add_up_to_the_brier_score(rows: list[tuple[int, float]], groups: int) -> None:
    labels, scores = np.array(rows, dtype=float).T
    parts = brier_parts(labels, scores, groups)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert total == pytest.approx(np.mean((labels - scores) ** 2), abs=1e-12)


def test_no_rows_and_one_row_bound_nothing() -> None:
    assert math.isnan(reliability([], []).error)
    assert reliability([], []).upper == math.inf
    assert reliability([1], [0.3]).upper == math.inf
