"""Bounds cover what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trueup.statistics.intervals import bound, minimum_detectable, wilson
from trueup.statistics.metrics import Estimate

few = settings(max_examples=20, deadline=None)


@few
@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(0.51, 0.999))
def test_bounds_are_those_of_the_normal_law(value, error, confidence):
    estimate = Estimate(value, error, 100, 50)
    reach = stats.norm.ppf(confidence) * error
    assert bound(estimate, confidence, "lower") == pytest.approx(value - reach)
    assert bound(estimate, confidence, "upper") == pytest.approx(value + reach)


@few
@given(st.integers(1, 60), st.floats(0.51, 0.999))
def test_bounds_from_few_blocks_are_students(freedom, confidence):
    estimate = Estimate(0.7, 0.02, 100, 50, freedom)
    reach = stats.t.ppf(confidence, freedom) * 0.02
    assert bound(estimate, confidence, "lower") == pytest.approx(0.7 - reach)
    assert bound(estimate, confidence, "upper") == pytest.approx(0.7 + reach)
    assert reach > stats.norm.ppf(confidence) * 0.02


def test_missing_evidence_never_passes_a_threshold():
    undefined = Estimate(math.nan, math.inf, 0, 0)
    assert bound(undefined, 0.95, "lower") == -math.inf
    assert bound(undefined, 0.95, "upper") == math.inf


def test_malformed_bounds_are_refused():
    estimate = Estimate(0.5, 0.1, 10, 5)
    with pytest.raises(ValueError, match=r"confidence is 0\.5"):
        bound(estimate, 0.5, "lower")
    with pytest.raises(ValueError, match="side is 'both'"):
        bound(estimate, 0.95, "both")


@few
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case):
    successes, n = case
    exact = stats.binomtest(successes, n).proportion_ci(0.9, method="wilson")
    assert wilson(successes, n, 0.9) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_wilson_without_rows_knows_nothing():
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson(3, 2)


def test_the_detectable_change_is_found_with_the_stated_power():
    error = 0.02
    change = minimum_detectable(error, 0.95, power=0.8)
    found = np.random.default_rng(1).normal(change, error, 4_000) > stats.norm.ppf(0.95) * error
    assert found.mean() == pytest.approx(0.8, abs=0.02)
