"""Bounds of many values hold all at once, and say what Holm's test says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trueup.statistics.significance import holm
from trueup.statistics.simultaneous import lower_bounds

some = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(0.01, 0.5)), min_size=1, max_size=8, unique=True
)


@settings(max_examples=50, deadline=None)
@given(some, st.floats(-0.5, 0.5))
def test_a_bound_reaches_the_limit_where_holm_shows_the_value_above(
    measured: list[tuple[float, float]], limit: float
) -> None:
    values, errors = np.array(measured).T
    shown = holm(stats.norm.sf((values - limit) / errors)) <= 0.05
    assert ((lower_bounds(values, errors, limit, 0.95) >= limit) == shown).all()


@pytest.mark.parametrize(("highest", "held"), [(0.0, 0.95), (0.3, 0.98)])
def test_all_bounds_hold_in_19_of_20_cases(highest: float, held: float) -> None:
    """Or in more, where values above the limit are shown so and take no further part."""
    random = np.random.default_rng(0)
    truth = np.linspace(-0.1, highest, 10)
    errors = np.full(10, 0.1)
    seen = random.normal(truth, errors, size=(2000, 10))
    kept = [np.all(lower_bounds(values, errors, 0.0, 0.95) <= truth) for values in seen]
    assert np.mean(kept) == pytest.approx(held, abs=0.012)


def test_an_error_without_end_shows_nothing() -> None:
    assert lower_bounds([1.0], [np.inf], 0.0, 0.95).tolist() == [-np.inf]
    assert lower_bounds([], [], 0.0, 0.95).size == 0
