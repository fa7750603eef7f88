"""A gate that demands no drift: one part a column, and never a silent pass."""

from __future__ import annotations

import numpy as np
import polars as pl

from trueup.lifecycle.gates.checks import drift
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.demands import Drift


def rows(seed: int, count: int, shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    word = pl.Series(["a", "b", "c"]).gather(rng.integers(0, 3, count))
    return pl.DataFrame({"x": rng.normal(shift, 1, count), "word": word, "late": rng.random(count)})


def test_rows_like_the_reference_pass():
    result = drift.check(Drift(), Sample("now", rows(1, 9_000), reference=rows(2, 9_000)))
    assert result.outcome == "passed"
    assert result.detectable is not None
    assert result.detectable <= 0.05
    assert {part.name: part.outcome for part in result.parts} == dict.fromkeys(
        ("x", "word", "late"), "passed"
    )


def test_a_column_that_moved_refuses_and_is_named():
    result = drift.check(Drift(), Sample("now", rows(1, 9_000, 0.4), reference=rows(2, 9_000)))
    assert result.outcome == "failed"
    assert result.words.startswith("x: 15 % of the rows are elsewhere")
    assert result.parts[0].value == result.value
    assert result.limit == 0.05


def test_a_larger_effect_may_be_allowed():
    sample = Sample("now", rows(1, 9_000, 0.4), reference=rows(2, 9_000))
    assert drift.check(Drift(effect=0.3), sample).outcome == "passed"


def test_few_rows_are_not_enough_data_and_say_how_many_would_do():
    result = drift.check(Drift(), Sample("now", rows(1, 80), reference=rows(2, 90_000)))
    assert result.outcome == "not-enough-data"
    assert 80 < result.rows_needed < 9_000


def test_without_a_reference_there_is_nothing_to_say():
    result = drift.check(Drift(), Sample("now", rows(1, 80)))
    assert (result.outcome, result.words) == ("error", "there are no rows to compare now with")


def test_rows_to_be_served_have_no_label():
    served = rows(1, 9_000).drop("late")
    sample = Sample("now", served, "late", rows(2, 9_000), environment="serving")
    assert drift.check(Drift(), sample).outcome == "passed"
    as_training = Sample("now", served, "late", rows(2, 9_000))
    assert drift.check(Drift(), as_training).outcome == "failed"
