"""Rows of one day may share one storm: the error by block keeps its promise, that of rows not."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from trueup.statistics.blocks import jackknife
from trueup.statistics.intervals import bound
from trueup.statistics.metrics import METRICS, metric

OF_LABELS = [name for name, made in METRICS.items() if made.needs == "labels" and made.is_counted]
GRID = np.round(np.linspace(0.02, 0.98, 49), 2)


def logit(share):
    return np.log(share / (1 - share))


def days(rng, count, rows, spread=1.0, tilt=0.7):
    """Labels, scores and day of rows; each day shifts its labels, and its scores, by chance."""
    day = np.repeat(np.arange(count), rows)
    weather, mood = rng.normal(0, spread, (2, count))
    truth = rng.normal(-1, 1, day.size)
    labels = (rng.random(day.size) < 1 / (1 + np.exp(-(truth + weather[day] - tilt)))).astype(float)
    return labels, 1 / (1 + np.exp(-(truth + 1.5 * mood[day]))), day


def counted(labels, scores, day):
    """The same rows as counts by day over label and rounded score."""
    nearest = np.clip(np.rint(50 * scores).astype(int) - 1, 0, GRID.size - 1)
    places = np.ravel_multi_index((day, labels.astype(int), nearest), (day[-1] + 1, 2, GRID.size))
    blocks = np.bincount(places, minlength=(day[-1] + 1) * 2 * GRID.size).astype(float)
    return np.repeat([0.0, 1.0], GRID.size), np.tile(GRID, 2), blocks.reshape(-1, 2 * GRID.size)


@pytest.mark.parametrize("name", OF_LABELS)
def test_the_error_is_that_of_leaving_out_each_day_by_hand(name):
    y, s, blocks = counted(*days(np.random.default_rng(1), 9, 60))
    without = []
    for left_out in range(9):
        cells = [
            c
            for d in range(9)
            if d != left_out
            for c in np.repeat(range(98), blocks[d].astype(int))
        ]
        without.append(metric(name)(y[cells], s[cells]).value)
    mean = sum(without) / 9
    error = math.sqrt(8 / 9 * sum((value - mean) ** 2 for value in without))
    found, of_rows = jackknife(metric(name), y, s, blocks), metric(name)(y, s, blocks.sum(axis=0))
    assert found.standard_error == pytest.approx(max(error, of_rows.standard_error))
    assert (found.value, found.n, found.positives) == (of_rows.value, of_rows.n, of_rows.positives)
    assert found.degrees_of_freedom == 8


def test_equal_days_have_the_error_of_their_means():
    shares = np.array([0.1, 0.4, 0.2, 0.7, 0.3])
    blocks = np.stack([1000 * (1 - shares), 1000 * shares], axis=1)
    found = jackknife(metric("prevalence"), [0, 1], [0.5, 0.5], blocks)
    assert found.standard_error == pytest.approx(shares.std(ddof=1) / math.sqrt(5))


def test_days_that_are_all_alike_do_not_make_rows_tell_more():
    blocks = np.tile([60.0, 40.0], (10, 1))
    found = jackknife(metric("prevalence"), [0, 1], [0.5, 0.5], blocks)
    assert found == jackknife(metric("prevalence"), [0, 1], [0.5, 0.5], blocks[::-1])
    assert (
        found.standard_error == metric("prevalence")([0, 1], [0.5, 0.5], [600, 400]).standard_error
    )


def test_a_gap_near_zero_is_not_surer_than_its_sign():
    # Days above and below by turns: without either kind the magnitude is the same.
    blocks = np.array([[70.0, 30.0], [30.0, 70.0]] * 4)
    found = jackknife(metric("calibration_gap"), [0, 1], [0.5, 0.5], blocks)
    assert found.value == 0
    assert found.standard_error == pytest.approx(np.std([0.3, 0.7] * 4, ddof=1) / math.sqrt(8))


@pytest.mark.parametrize("name", ["roc_auc", "brier"])
@pytest.mark.parametrize("blocks", [[[3, 3]], [[3, 3], [0, 0]]])
def test_one_day_tells_nothing_about_days(name, blocks):
    found = jackknife(metric(name), [0, 1], [0.2, 0.7], blocks)
    assert (found.standard_error, found.degrees_of_freedom) == (math.inf, 0)
    assert bound(found, 0.95, "upper") == math.inf


def test_no_days_tell_nothing():
    found = jackknife(metric("brier"), [0, 1], [0.2, 0.7], np.zeros((0, 2)))
    assert math.isnan(found.value)
    assert (found.standard_error, found.n, found.degrees_of_freedom) == (math.inf, 0, 0)


def test_a_ranking_that_hangs_on_one_day_is_unknown():
    blocks = [[5, 5], [9, 0], [9, 0]]  # every positive came on the first day
    assert jackknife(metric("roc_auc"), [0, 1], [0.2, 0.7], blocks).standard_error == math.inf


@pytest.mark.parametrize("blocks", [[3, 3], [[3, 3, 3]]])
def test_blocks_that_do_not_fit_are_refused(blocks):
    with pytest.raises(ValueError, match="do not fit"):
        jackknife(metric("brier"), [0, 1], [0.2, 0.7], blocks)


@cache
def truth(name):
    """What very many days come to."""
    y, s, blocks = counted(*days(np.random.default_rng(2), 15_000, 40))
    return metric(name)(y, s, blocks.sum(axis=0)).value


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roc_auc", "brier", "calibration_gap"])
def test_with_days_that_differ_the_error_by_day_keeps_its_level(name):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        y, s, blocks = counted(*days(rng, 28, 40))
        of_rows = metric(name)(y, s, blocks.sum(axis=0))
        found.append((jackknife(metric(name), y, s, blocks), of_rows))
    for side, sign in (("lower", 1), ("upper", -1)):
        by_day, by_row = (
            sum(sign * (bound(estimate, 0.95, side) - truth(name)) > 0 for estimate in estimates)
            for estimates in zip(*found, strict=True)
        )
        # One in twenty; skewed days move it to between 0.03 and 0.08 (1,200 windows), the
        # simulation by two standard errors of 0.014. Independent rows would be wrong 18 to 35
        # times in a hundred.
        assert by_day / 400 <= 0.08 + 0.028, side
        assert by_row / 400 >= 0.14, side
        assert by_row >= 2 * by_day, side


@pytest.mark.parametrize("name", ["roc_auc", "brier", "calibration_gap"])
def test_the_error_by_day_is_the_spread_of_windows(name):
    rng = np.random.default_rng(4)
    found = [jackknife(metric(name), *counted(*days(rng, 28, 40))) for _ in range(300)]
    errors = np.array([estimate.standard_error for estimate in found])
    spread = np.std([estimate.value for estimate in found])
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(spread, rel=0.12)
