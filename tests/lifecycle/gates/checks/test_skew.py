"""Training and serving rows in the bins of the monitors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import skew
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.models.rules import column_reference
from trueup.lifecycle.monitoring.rules import judge_drift
from trueup.lifecycle.plan.demands import Skew
from trueup.statistics import summaries


def rows(seed: int, count: int = 6_000) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    word = pl.Series(["a", "b", "c"]).gather(rng.integers(0, 3, count))
    return pl.DataFrame({"x": rng.normal(0, 1, count), "word": word, "late": rng.random(count)})


def asked(served: pl.DataFrame, demand: Skew | None = None) -> object:
    sample = Sample("journal", served, "late", rows(2), environment="serving")
    return skew.check(demand or Skew(), sample)


def test_rows_served_as_learned_pass_without_their_label():
    result = asked(rows(1).drop("late"))
    assert result.outcome == "passed"
    assert [part.name for part in result.parts] == ["x", "word"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("x") * 100, "x: 9"),
        (pl.col("x") + 0.5, "x: stability index"),
        (pl.col("x").cast(pl.String), "x: Float64 in training, String in serving"),
        (pl.lit(None, pl.Float64).alias("x"), "most by missing from 0.0% to 100.0% of the rows"),
        (pl.lit("new").alias("word"), "word: 100.0% of the served values were never learned from"),
    ],
)
def test_a_column_that_is_served_otherwise_fails(change, words):
    result = asked(rows(1).with_columns(change))
    assert result.outcome == "failed"
    assert words in result.words


def test_a_column_that_is_not_served_fails_unless_it_is_left_out():
    served = rows(1).drop("word")
    assert "word: learned from, and not served" in asked(served).words
    assert asked(served, Skew(ignore=("word",))).outcome == "passed"


def test_few_served_rows_are_not_enough():
    assert asked(rows(1, 60)).outcome == "not-enough-data"
    assert asked(rows(1, 0)).outcome == "not-enough-data"


def test_without_training_rows_there_is_nothing_to_say():
    assert skew.check(Skew(), Sample("journal", rows(1))).outcome == "error"


def test_it_says_what_the_monitors_say_of_the_same_counts():
    trained, served = rows(2), rows(1).with_columns(pl.col("x") + 0.6)
    references = {name: column_reference(trained[name]) for name in ("x", "word")}
    counts = {name: skew.count(references[name], served[name]) for name in references}
    parts = skew.of_counts(Skew(), references, counts)
    finding = judge_drift(
        {
            name: (
                summaries.comparable(reference.bins, reference.counts),
                summaries.comparable(reference.bins, counts[name]),
            )
            for name, reference in references.items()
        }
    )
    assert {part.name: part.value for part in parts} == pytest.approx(finding.numbers)
    assert [part.name for part in parts if part.outcome == "failed"] == list(finding.columns)
