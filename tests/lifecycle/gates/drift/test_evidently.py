"""Parity with Evidently 0.7: its choice of tests, and its numbers as SciPy gives them.

`bench/drift.py` holds the same numbers against Evidently itself.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats
from scipy.spatial import distance

from trueup.lifecycle.gates.drift import evidently, tables
from trueup.lifecycle.gates.drift.evidently import EvidentlyColumn


def judged(before: object, now: object) -> EvidentlyColumn:
    sides = [
        tables.of_frame(pl.DataFrame({"x": side}), name)
        for side, name in ((before, "before"), (now, "now"))
    ]
    return evidently.compare(*sides).columns[0]


def numbers(seed: int, rows: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 2, rows)


def test_numbers_of_a_small_reference_get_kolmogorov_smirnov():
    before, now = numbers(1, 800), numbers(2, 500, 0.3)
    found = judged(before, now)
    expected = stats.ks_2samp(before, now).pvalue
    assert (found.test, found.threshold) == ("K-S p_value", 0.05)
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.drifted == (expected <= 0.05)


def test_numbers_of_a_large_reference_get_wasserstein_by_deviation():
    before, now = numbers(1, 1_500), numbers(2, 700, 0.4)
    found = judged(before, now)
    expected = stats.wasserstein_distance(before, now) / before.std()
    assert found.test == "Wasserstein distance (normed)"
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.drifted == (expected >= 0.1)


def test_a_constant_has_the_smallest_deviation_it_allows():
    found = judged(np.zeros(1_500), np.linspace(0, 1, 30))
    assert found.score == pytest.approx(0.5 / 0.001, rel=1e-9)


def test_missing_and_infinite_values_are_left_out():
    before, now = numbers(1, 1_500), numbers(2, 700)
    gaps = np.concatenate([now, [np.nan, np.inf, -np.inf]])
    assert judged(before, gaps).score == judged(before, now).score


def words(seed: int, rows: int, shares: tuple[float, ...]) -> list[str]:
    chosen = np.random.default_rng(seed).choice(len(shares), rows, p=shares)
    return [f"w{place}" for place in chosen]


def tallies(*sides: list[str]) -> list[np.ndarray]:
    names = sorted({name for side in sides for name in side})
    return [np.array([side.count(name) for name in names]) for side in sides]


def test_categories_of_a_large_reference_get_jensen_shannon():
    before, now = words(1, 1_200, (0.5, 0.3, 0.2)), words(2, 300, (0.3, 0.4, 0.3))
    found = judged(before, now)
    counts = tallies(before, now)
    expected = distance.jensenshannon(counts[0] / 1_200, counts[1] / 300)
    assert found.test == "Jensen-Shannon distance"
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.drifted == (expected >= 0.1)


def test_categories_of_a_small_reference_get_chi_square():
    before, now = words(1, 900, (0.5, 0.3, 0.2)), words(2, 300, (0.4, 0.4, 0.2))
    found = judged(before, now)
    counts = tallies(before, now)
    expected = stats.chisquare(counts[1], counts[0] * 300 / 900).pvalue
    assert (found.test, found.drifted) == ("chi-square p_value", expected < 0.05)
    assert found.score == pytest.approx(expected, abs=1e-9)


def test_two_values_of_a_small_reference_get_the_z_test():
    before, now = words(1, 900, (0.6, 0.4)), words(2, 300, (0.5, 0.5))
    counts = tallies(before, now)
    shares = counts[0][1] / 900, counts[1][1] / 300
    pooled = (counts[0][1] + counts[1][1]) / 1_200
    z = (shares[0] - shares[1]) / np.sqrt(pooled * (1 - pooled) * (1 / 900 + 1 / 300))
    found = judged(before, now)
    assert found.test == "Z-test p_value"
    assert found.score == pytest.approx(2 * (1 - stats.norm.cdf(abs(z))), abs=1e-9)
    assert judged(["a"] * 50, ["a"] * 60).score == 1


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (np.arange(9).repeat(200), "cat"),
        (np.arange(12).repeat(200), "num"),
        (np.arange(3).repeat(700) * 1.0, "num"),
        ([None, *range(5)] * 300, "num"),
        ([True, False] * 900, "cat"),
        ([f"text {i}" for i in range(1_200)], "text"),
        ([None] * 1_200, "unknown"),
    ],
)
def test_types_are_guessed_as_it_guesses_them(values, type_):
    assert judged(values, values).type == type_


def test_what_it_does_not_compare_is_said():
    assert "trains a classifier" in judged(["a", "b"], ["c", "d"]).words
    assert judged([1.5, None], [None, None]).words
    before, now = (tables.of_frame(pl.DataFrame(f), "t") for f in ({"a": [1.0]}, {"b": [1.0]}))
    found = evidently.compare(before, now)
    assert {column.words for column in found.columns} == {"only one table has this column"}
    assert (found.share, found.dataset_drift) == (0.0, False)
