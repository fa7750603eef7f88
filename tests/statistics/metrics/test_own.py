"""A function of somebody's own has its error by resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trueup.statistics.metrics import fingerprint, metric, own
from trueup.statistics.metrics.own import Resampled
from trueup.statistics.pairs import compare, why_not


def miss(labels, scores):
    return float(np.mean((labels - scores) ** 2))


def cost(labels, scores, rows):
    return float(np.mean(rows * np.abs(labels - scores)))


def rows(n, seed=1):
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    return (rng.random(n) < scores).astype(float), scores, np.ones(n)


def test_its_value_and_spread_are_those_of_the_metric_it_repeats():
    labels, scores, weights = rows(800)
    found = own("mine:miss", "lower", miss).estimate(labels, scores, weights)
    known = metric("brier").estimate(labels, scores, weights)
    assert found.value == pytest.approx(known.value)
    assert found.standard_error == pytest.approx(known.standard_error, rel=0.15)
    assert found == own("mine:miss", "lower", miss).estimate(labels, scores, weights)


def test_a_third_parameter_gets_the_rows_that_were_drawn():
    labels, scores, weights = rows(300)
    price = np.random.default_rng(2).gamma(2, size=300)
    priced = own("mine:cost", "lower", cost, price)
    found = priced.estimate(labels, scores, weights)
    each = price * np.abs(labels - scores)
    assert found.value == pytest.approx(each.mean())
    assert found.standard_error == pytest.approx(each.std(ddof=1) / math.sqrt(300), rel=0.2)


def test_rows_that_are_ranked_together_are_drawn_together():
    groups = np.repeat(np.arange(40), 5)
    labels = np.repeat(np.random.default_rng(3).normal(size=40), 5)
    grouped = own("mine:mean", "lower", lambda y, s: float(y.mean()), None, groups)
    found = grouped.estimate(labels, labels, np.ones(200))
    assert found.n == 40
    assert found.standard_error == pytest.approx(labels[::5].std(ddof=1) / math.sqrt(40), rel=0.2)


def test_two_models_are_compared_on_the_same_draws():
    labels, good, _ = rows(600)
    bad = np.clip(good + np.random.default_rng(4).normal(0, 0.3, 600), 0, 1)
    mine, known = own("mine:miss", "lower", miss), metric("brier")
    found, wanted = (compare(each, labels, good, bad) for each in (mine, known))
    assert found.difference == pytest.approx(wanted.difference)
    width = wanted.upper - wanted.lower
    assert found.lower == pytest.approx(wanted.lower, abs=0.2 * width)
    assert found.probability_better > 0.99
    assert why_not(mine, "delong")
    assert not why_not(mine, "paired-bootstrap")


@pytest.mark.parametrize("given", ["0.5", None, True, np.zeros(2), 1j])
def test_what_is_no_number_is_refused(given):
    labels, scores, weights = rows(20)
    with pytest.raises(TypeError, match="a metric is one number"):
        own("mine:odd", "higher", lambda y, s: given).estimate(labels, scores, weights)


def test_a_value_that_never_moves_proves_nothing():
    labels, scores, weights = rows(50)
    still = own("mine:still", "higher", lambda y, s: 1.0)
    assert still.estimate(labels, scores, weights).standard_error == math.inf
    seldom = own("mine:seldom", "higher", lambda y, s: math.nan)
    assert seldom.estimate(labels, scores, weights).standard_error == math.inf
    assert math.isnan(still.estimate(labels[:0], scores[:0], weights[:0]).value)


def test_it_is_not_named_by_a_wrapper():
    with pytest.raises(ValueError, match="no plain function"):
        fingerprint(own("mine:miss", "lower", miss))
    assert isinstance(own("mine:miss", "lower", miss).function, Resampled)
