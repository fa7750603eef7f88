"""All columns at once: two that no longer go together are found, chance is not."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import MissingExtraError
from trueup.lifecycle.gates.drift.comparing import drift


def pair(seed: int, rows: int, correlation: float) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, noise = rng.normal(size=rows), rng.normal(size=rows)
    b = correlation * a + np.sqrt(1 - correlation**2) * noise
    word = pl.Series(["x", "y", None]).gather(rng.integers(0, 3, rows))
    return pl.DataFrame({"a": a, "b": b, "word": word, "at": range(rows)}).with_columns(
        pl.from_epoch("at")
    )


def test_columns_that_no_longer_go_together_are_found_where_each_alone_is_as_before():
    before, now = pair(1, 2_500, 0.9), pair(2, 2_500, 0.0)
    alone = drift(before, now)
    assert alone.changed == ()
    found = drift(before, now, multivariate=True)
    assert found.verdict == "changed"
    assert found.together is not None
    assert set(found.together.columns) >= {"a", "b"}
    assert found.together.left_out == {"at": "time moves on by itself"}
    assert "a classifier tells the tables apart" in found.together.words


@pytest.mark.slow
def test_equal_tables_are_not_told_apart():
    found = [
        drift(pair(s, 300, 0.5), pair(s + 50, 300, 0.5), multivariate=True).together
        for s in range(8)
    ]
    assert sum(each.verdict == "changed" for each in found) <= 2
    assert {each.verdict for each in found} <= {"changed", "negligible", "not-enough-data"}


def test_too_few_rows_are_said():
    found = drift(pair(1, 20, 0.5), pair(2, 20, 0.5), multivariate=True)
    assert found.together is not None
    assert found.together.verdict == "not-enough-data"
    assert "20 rows a side are too few" in found.together.words


def test_infinite_values_do_not_stop_it():
    before, now = pair(1, 200, 0.5), pair(2, 200, 0.5)
    odd = now.with_columns(
        pl.when(pl.col("a") > 1).then(float("inf")).otherwise(pl.col("a")).alias("a")
    )
    assert drift(before, odd, multivariate=True).together is not None


def test_without_scikit_learn_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError) as raised:
        drift(pair(1, 100, 0.5), pair(2, 100, 0.5), multivariate=True)
    assert raised.value.hint == "pip install 'trueup[sklearn]'"
