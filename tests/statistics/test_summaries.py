"""Frozen bins count exactly, whatever the order and however the rows were split."""

from __future__ import annotations

import math
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.statistics.summaries import (
    Bins,
    category_bins,
    comparable,
    count,
    fold,
    labels,
    numeric_bins,
    ordered,
)

numbers = st.lists(st.floats() | st.sampled_from([0.0, -0.0, 1.0, math.inf]), max_size=40)
words = st.lists(st.sampled_from([None, "", *"abcdefgh", "__new__", "ä"]), max_size=40)
randoms = st.builds(Random, st.integers(0, 99))
few = settings(max_examples=20, deadline=None)


@few
@given(numbers, numbers, st.integers(0, 40), randoms)
def test_numeric_counts_ignore_order_and_partition(reference, current, cut, random):
    bins = numeric_bins(reference, most=8)
    whole = count(bins, current)
    shuffled = random.sample(current, len(current))
    assert (count(bins, shuffled[:cut]) + count(bins, shuffled[cut:])).tobytes() == whole.tobytes()
    assert whole.sum() == len(current)


@few
@given(words, words, st.integers(0, 40), randoms)
def test_category_counts_ignore_order_and_partition(reference, current, cut, random):
    bins = category_bins(reference, most=3)
    whole = count(bins, current)
    shuffled = random.sample(current, len(current))
    assert (count(bins, shuffled[:cut]) + count(bins, shuffled[cut:])).tobytes() == whole.tobytes()
    assert whole.sum() == len(current)


@few
@given(numbers, st.integers(1, 40))
def test_a_numeric_reference_is_never_outside_itself(reference, most):
    bins = numeric_bins(reference, most)
    below, above = count(bins, reference)[-2:]
    assert (below, above) == (0, 0)
    assert len(bins.edges) < most


@few
@given(words, st.integers(0, 10))
def test_a_category_reference_holds_nothing_new(reference, most):
    bins = category_bins(reference, most)
    other, new, missing = count(bins, reference)[-3:]
    assert new == 0
    assert missing == reference.count(None)
    assert other + missing + sum(map(reference.count, bins.values)) == len(reference)


@few
@given(numbers, randoms)
def test_bins_do_not_depend_on_the_order_of_the_reference(reference, random):
    shuffled = random.sample(reference, len(reference))
    assert numeric_bins(shuffled, most=5) == numeric_bins(reference, most=5)


@few
@given(words, randoms)
def test_category_bins_do_not_depend_on_the_order_of_the_reference(reference, random):
    shuffled = random.sample(reference, len(reference))
    assert category_bins(shuffled, most=3) == category_bins(reference, most=3)


@few
@given(numbers, numbers)
def test_many_rows_are_counted_as_few_rows_are(reference, current):
    bins = numeric_bins(reference, most=8)
    assert (count(bins, current * 100) == 100 * count(bins, current)).all()


@few
@given(numbers, words)
@pytest.mark.parametrize("kind", ["numeric", "category"])
def test_bins_survive_json(kind, numbers, words):
    bins = numeric_bins(numbers, 4) if kind == "numeric" else category_bins(words, 4)
    assert msgspec.json.decode(msgspec.json.encode(bins), type=Bins) == bins


@few
@given(numbers)
def test_every_cell_has_its_own_label(reference):
    bins = numeric_bins(reference, 6)
    assert len(labels(bins)) == bins.size
    assert len(set(labels(bins))) == bins.size


def test_inner_counts_are_those_of_numpy():
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=500), rng.normal(size=3_000)
    bins = numeric_bins(reference)
    inside = current[(current >= bins.low) & (current <= bins.high)]
    expected, _ = np.histogram(inside, [bins.low, *bins.edges, bins.high])
    assert count(bins, current)[:-4].tolist() == expected.tolist()


def test_continuous_columns_get_bins_of_equal_share():
    reference = np.random.default_rng(2).lognormal(size=3_200)
    counts = count(numeric_bins(reference), reference)
    assert counts[:-4].tolist() == [100] * 32


def test_few_distinct_numbers_get_one_bin_each():
    bins = numeric_bins([3, 1, 1, 7.5])
    assert labels(bins)[:3] == ("1", "3", "7.5")
    assert count(bins, [1, 3, 7.5, 7.5])[:3].tolist() == [1, 1, 2]


def test_a_frequent_number_gets_a_bin_of_its_own():
    amounts = np.concatenate([np.zeros(600), np.linspace(1, 400, 400), np.full(200, 500.0)])
    counts = count(numeric_bins(amounts, most=10), amounts)
    assert 600 in counts
    assert 200 in counts


def test_a_frequent_number_in_the_middle_is_parted_from_its_neighbours():
    changes = np.concatenate([np.linspace(-9, -1, 200), np.zeros(300), np.linspace(1, 9, 200)])
    bins = numeric_bins(changes, most=10)
    assert 300 in count(bins, changes)
    assert count(bins, [0.0]).argmax() != count(bins, [0.9]).argmax()


def test_edges_that_are_close_are_still_told_apart():
    close = labels(numeric_bins(1_000_000 + np.arange(90) / 10, most=3))[:3]
    assert close == ("[1000000, 1000003)", "[1000003, 1000006)", "[1000006, 1000008.9]")


def test_each_kind_of_odd_number_has_its_own_cell():
    bins = numeric_bins([1.0, 2.0])
    counts = count(bins, [math.nan, math.inf, -math.inf, 0.5, 2.5, 3.0])
    assert dict(zip(labels(bins), counts.tolist(), strict=True)) == {
        "1": 0,
        "2": 0,
        "missing": 1,
        "infinite": 2,
        "below reference": 1,
        "above reference": 2,
    }


def test_neighbouring_floats_are_kept_apart():
    one, next_one = 1.0, float(np.nextafter(1.0, 2.0))
    bins = numeric_bins([one, next_one])
    assert count(bins, [one, next_one, next_one])[:2].tolist() == [1, 2]


def test_an_empty_reference_still_counts():
    bins = numeric_bins([math.nan])
    assert count(bins, [1.0, math.nan, math.inf]).tolist() == [1, 1, 1, 0, 0]
    assert labels(bins)[0] == "any number"


def test_frequent_categories_cover_the_asked_share():
    reference = ["a"] * 90 + ["b"] * 9 + ["c"]
    assert category_bins(reference).values == ("a", "b")
    assert category_bins(reference).rare == ("c",)


def test_too_many_categories_to_remember_are_never_called_new():
    bins = category_bins([str(number) for number in range(100)], most=5, remembered=10)
    other, new, _ = count(bins, ["never seen"])[-3:]
    assert (other, new) == (1, 0)


def test_grouped_counts_fold_like_the_rows():
    rows = ["a", "b", "b", None, "z"]
    bins = category_bins(["a", "b"])
    tally = {value: rows.count(value) for value in rows}
    assert fold(bins, tally).tolist() == count(bins, rows).tolist()
    assert category_bins(tally) == category_bins(rows)


def test_a_category_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="category 3 is int"):
        count(category_bins(["3"]), ["3", 3])


def test_text_is_not_folded_into_numbers():
    with pytest.raises(ValueError, match="category bins"):
        fold(numeric_bins([1.0]), {"a": 1})


def test_at_least_one_bin_is_asked_for():
    with pytest.raises(ValueError, match="most is 0"):
        numeric_bins([1.0], most=0)


@few
@given(numbers, numbers)
def test_positions_ascend_and_keep_every_finite_row(reference, current):
    bins = numeric_bins(reference, most=6)
    positions, at = ordered(bins, count(bins, current))
    assert (np.diff(positions) >= 0).all()
    assert at.sum() == np.isfinite(current).sum()


def test_categories_have_no_positions():
    bins = category_bins(["a"])
    with pytest.raises(ValueError, match="do not fit category bins"):
        ordered(bins, count(bins, ["a"]))


def test_what_is_new_joins_what_is_rare_before_a_test():
    bins = category_bins(["a"] * 12 + ["b"] * 4 + ["c"], most=2)
    window = count(bins, ["a", "b", "c", "d", "d", None])
    assert window.tolist() == [1, 1, 1, 2, 1]
    assert comparable(bins, window).tolist() == [1, 0, 4, 0, 1]


def test_numbers_are_compared_as_they_are():
    bins = numeric_bins([1.0, 2.0])
    window = count(bins, [0.0, 1.0, 9.0])
    assert comparable(bins, window).tolist() == window.tolist()
