"""Words for people."""

from __future__ import annotations

import pytest

from trueup.foundation import text


def test_a_near_word_is_offered_and_a_far_one_is_not() -> None:
    assert text.did_you_mean("metrik", ["metric", "goal"]) == " Did you mean 'metric'?"
    assert text.did_you_mean("zzz", ["metric", "goal"]) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_reads_like_a_sentence(words: list[str], said: str) -> None:
    assert text.listing(words) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (12_000, "12,000 rows")])
def test_counts_have_their_noun(count: int, said: str) -> None:
    assert text.plural(count, "row") == said


def test_irregular_nouns_are_given() -> None:
    assert text.plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3.0 TiB")],
)
def test_sizes(count: int, said: str) -> None:
    assert text.size(count) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(5e-6, "5 µs"), (0.0042, "4.2 ms"), (1.5, "1.5 s"), (75, "1 min 15 s"), (3600, "60 min 0 s")],
)
def test_times(value: float, said: str) -> None:
    assert text.seconds(value) == said
