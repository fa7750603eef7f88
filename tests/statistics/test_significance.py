"""McNemar's test in its forms, and Holm's adjustment; the numbers are those of statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trueup.statistics.significance import holm, mcnemar

few = settings(max_examples=40, deadline=None)
counts = st.integers(0, 400)


@few
@given(counts, counts)
def test_exact_mcnemar_is_the_binomial_test(a, b):
    expected = stats.binomtest(a, a + b).pvalue if a + b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, abs=1e-9)


@few
@given(counts, counts)
def test_mid_p_counts_the_seen_table_half(a, b):
    law = stats.binom(a + b, 0.5)
    expected = 2 * law.cdf(min(a, b)) - law.pmf(min(a, b)) if a + b else 1.0
    assert mcnemar(a, b, "mid-p") == pytest.approx(min(1, expected), abs=1e-9)


@few
@given(st.integers(1, 400), counts)
def test_chi_square_with_and_without_correction(a, b):
    plain, corrected = ((abs(a - b) - c) ** 2 / (a + b) for c in (0, min(1, abs(a - b))))
    assert mcnemar(a, b, "chi-square") == pytest.approx(stats.chi2.sf(plain, 1), abs=1e-9)
    assert mcnemar(a, b, "corrected") == pytest.approx(stats.chi2.sf(corrected, 1), abs=1e-9)


# Of statsmodels 0.15.0: contingency_tables.mcnemar and multitest.multipletests.
@pytest.mark.parametrize(
    ("a", "b", "exact", "plain", "corrected"),
    [
        (2, 10, 0.03857421875, 0.020921335337794035, 0.04330814281079206),
        (15, 5, 0.04138946533203125, 0.025347318677468325, 0.04417134490844271),
        (30, 60, 0.0020602656809630745, 0.001565402258002549, 0.0022366244452098703),
        (0, 7, 0.015625, 0.008150971593502705, 0.02334220201289086),
        (121, 59, 4.4344492637551645e-06, 3.815135865112594e-06, 5.450094825427117e-06),
    ],
)
def test_mcnemar_is_that_of_statsmodels(a, b, exact, plain, corrected):
    assert mcnemar(a, b) == pytest.approx(exact, abs=1e-12)
    assert mcnemar(a, b, "chi-square") == pytest.approx(plain, abs=1e-12)
    assert mcnemar(a, b, "corrected") == pytest.approx(corrected, abs=1e-12)


def test_holm_is_that_of_statsmodels():
    found = holm([0.001, 0.04, 0.03, 0.2, 0.011, 0.6])
    assert found == pytest.approx([0.006, 0.12, 0.12, 0.4, 0.055, 0.6], abs=1e-12)


def test_malformed_tables_are_refused():
    with pytest.raises(ValueError, match="-1 and 2 rows"):
        mcnemar(-1, 2)
    with pytest.raises(ValueError, match="'fisher'"):
        mcnemar(1, 2, "fisher")


@few
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_steps_down(p_values):
    p, adjusted = np.array(p_values), holm(p_values)
    order = np.argsort(p, kind="stable")
    highest = 0.0
    for place, number in enumerate(order):
        highest = max(highest, (p.size - place) * p[number])
        assert adjusted[number] == pytest.approx(min(1, highest))


def test_holm_refuses_what_is_no_p_value():
    with pytest.raises(ValueError, match="none missing"):
        holm([0.5, float("nan")])


def test_holm_keeps_the_chance_of_any_false_finding():
    rng = np.random.default_rng(1)
    false = [bool(np.any(holm(rng.random(10)) <= 0.05)) for _ in range(2_000)]
    assert np.mean(false) <= 0.065
