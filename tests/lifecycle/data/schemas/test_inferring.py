"""Inferring a schema: what rows suggest, with room for the next rows of the same source."""

from __future__ import annotations

import polars as pl
import pytest

from trueup.lifecycle.data.schemas import slack
from trueup.lifecycle.data.schemas.inferring import infer
from trueup.lifecycle.data.schemas.judging import judge

from .rows import source


@pytest.mark.parametrize("rows", [60, 300, 2000])
@pytest.mark.parametrize("fresh", [40, 2000])
def test_fresh_rows_of_the_same_source_raise_no_alarm(rows: int, fresh: int) -> None:
    """Twelve pairs of samples with 15 columns each."""
    alarms = [
        (seed, found.name, found.words)
        for seed in range(12)
        for found in judge(infer(source(rows, seed)), source(fresh, 1000 + seed))
        if found.outcome != "passed"
    ]
    assert not alarms


def test_what_a_broken_source_sends_is_seen() -> None:
    schema = infer(source(2000, 1))
    broken = source(2000, 2).with_columns(
        segment=pl.when(pl.int_range(2000) < 40).then(pl.lit("F")).otherwise("segment"),
        month=pl.col("month") + 6,
        share=pl.col("share") * 100,
        normal=pl.col("normal") * 1000,
        gappy=pl.when(pl.int_range(2000) < 200).then(None).otherwise("gappy"),
        late=pl.col("late").cast(pl.String),
        customer_id=pl.lit(7),
    )
    found = {each.name for each in judge(schema, broken) if each.outcome == "failed"}
    assert found == {
        *("segment", "month", "share", "normal", "gappy", "late"),
        "unique customer_id",
    }


def test_types_sets_ranges_and_keys_are_found() -> None:
    columns = infer(source(2000, 1), "shop", label="late").columns
    assert (columns["customer_id"].unique, columns["customer_id"].at_most) == (True, None)
    assert columns["segment"].values == ("a", "b", "c", "d", "e")
    assert columns["month"].values == tuple(range(1, 13))
    assert (columns["share"].at_least, columns["share"].at_most) == (0.0, 1.0)
    assert columns["waiting"].at_least == 0.0
    assert columns["late"].environments == ("training",)
    assert (columns["at"].type, columns["at"].zone) == ("datetime", "")
    assert columns["gappy"].missing == pytest.approx(0.05, abs=0.02)


def test_many_values_are_no_set() -> None:
    rows = pl.DataFrame({"word": [f"w{i % 300}" for i in range(3000)], "one": ["x"] * 3000})
    columns = infer(rows).columns
    assert (columns["word"].values, columns["one"].values) == ((), ("x",))


def test_an_order_number_that_happens_to_be_unique_is_no_key() -> None:
    rows = pl.DataFrame({"amount": range(1000, 1300), "order_id": range(300)})
    columns = infer(rows).columns
    assert (columns["amount"].unique, columns["order_id"].unique) == (False, True)


@pytest.mark.parametrize(
    ("count", "rows", "share"), [(0, 1000, 0.007), (0, 10**6, 7e-6), (5, 5, 1.0), (0, 0, 1.0)]
)
def test_a_share_allows_what_the_rows_cannot_rule_out(count: int, rows: int, share: float) -> None:
    assert slack.share(count, rows) == pytest.approx(share)


@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame(),
        pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}),
        pl.DataFrame({"a": [None, None]}),
        pl.DataFrame({"a": [float("nan"), float("inf")]}),
        pl.DataFrame({"a": [[1], [2]], "b": [{"x": 1}, {"x": 2}], "c": [b"x", b"y"]}),
        pl.DataFrame({"a": [2**63 - 1, -(2**63)] * 100}),
        pl.DataFrame({"a": [1e308, -1e308] * 100}),
    ],
)
def test_strange_rows_keep_their_own_schema(rows: pl.DataFrame) -> None:
    found = judge(infer(rows), rows)
    assert [each for each in found if each.outcome != "passed" and each.name != "rows"] == []
