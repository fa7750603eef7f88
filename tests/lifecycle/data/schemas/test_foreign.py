"""Suites and schemas of other tools, as the real packages wrote them, become ours."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.schemas import files, pandera, taking
from trueup.lifecycle.data.schemas.foreign import Taken
from trueup.lifecycle.data.schemas.judging import judge
from trueup.lifecycle.data.schemas.records import Limits

RECORDED = Path(__file__).parent / "recorded"
FLIGHTS = pl.DataFrame(
    {
        "carrier": ["AA", "B6"] * 60,
        "id": range(120),
        "distance": [float(d) for d in range(1, 121)],
        "tail": ["N12"] * 120,
        "day": pl.Series(["2013-05-01"] * 120).str.to_datetime(),
        "at": pl.Series(["2013-05-01"] * 120).str.to_datetime(time_zone="UTC"),
        "flag": [True, False] * 60,
        "level": ["y"] * 120,
        "late": [1] * 120,
        "own": [0.5] * 120,
    }
)


def take(name: str) -> Taken:
    return taking.take((RECORDED / name).read_text(encoding="utf-8"), name)


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.iterdir()))
def test_what_was_taken_over_is_a_sound_schema_file(name: str) -> None:
    schema = take(name).schema
    assert schema.dataset == "flights"
    assert files.parse(files.text(schema), name) == schema


@pytest.mark.parametrize("name", ["gx-1.24.json", "gx-0.18.json"])
def test_every_demand_of_a_suite_is_taken_or_listed(name: str) -> None:
    kinds = {
        e.get("type") or e.get("expectation_type")
        for e in json.loads((RECORDED / name).read_text())["expectations"]
    }
    left = {each.what for each in take(name).left}
    assert left <= kinds
    assert (
        left
        == {
            "gx-1.24.json": {
                "expect_column_values_to_match_regex",
                "expect_column_kl_divergence_to_be_less_than",
            },
            "gx-0.18.json": {"expect_column_values_to_match_strftime_format"},
        }[name]
    )


def test_a_suite_says_the_same_in_our_words() -> None:
    schema = take("gx-1.24.json").schema
    carrier, distance = schema.columns["carrier"], schema.columns["distance"]
    assert (carrier.values, carrier.holds, carrier.missing) == (("AA", "B6"), 0.99, 0.0)
    assert (distance.type, distance.above, distance.at_most) == ("whole", 0.0, 5000.0)
    assert schema.columns["tail"].length == Limits(at_least=2.0, at_most=6.0)
    assert schema.columns["tail"].missing == 0.05
    assert schema.unique == (("carrier", "id"),)
    assert schema.rows == Limits(at_least=100, at_most=100_000)
    assert "arrival >= departure" in {rule.expression for rule in schema.rules}
    # Another share than that of the set: a rule of its own, not a looser limit.
    assert "carrier not in ['XX']" in {rule.expression for rule in schema.rules}


@pytest.mark.parametrize("name", ["pandera-0.19.yaml", "pandera-0.35.yaml", "pandera-0.35.json"])
def test_a_schema_of_pandera_keeps_and_refuses_the_same_rows(name: str) -> None:
    schema = take(name).schema
    assert {each.what for each in take(name).left} == {"coerce", "index"}
    assert {found.outcome for found in judge(schema, FLIGHTS)} == {"passed"}
    broken = FLIGHTS.with_columns(
        carrier=pl.lit("ZZ"),
        id=pl.lit(-1),
        distance=pl.lit(6000.0),
        tail=pl.lit("X1234567"),
        day=pl.col("day").dt.offset_by("-3y"),
        at=pl.col("at").dt.replace_time_zone(None),
        flag=pl.lit(1),
        level=pl.lit("x"),
        late=pl.lit(2),
        own=pl.lit(0.0),
    )
    failed = {found.name for found in judge(schema, broken) if found.outcome == "failed"}
    assert failed == {*FLIGHTS.columns, "unique id", "unique carrier, id"}


def test_an_object_of_pandera_is_read_without_the_package() -> None:
    check = SimpleNamespace(name="greater_than", statistics={"min_value": 0})
    own = SimpleNamespace(name="is_prime", statistics={})
    column = SimpleNamespace(
        dtype="int64",
        nullable=False,
        unique=True,
        required=True,
        regex=False,
        description=None,
        checks=[check, own],
    )
    taken = pandera.of_object(
        SimpleNamespace(
            name="n",
            columns={"a": column},
            strict=False,
            ordered=False,
            unique=None,
            index=None,
            checks=[],
        )
    )
    assert (taken.schema.columns["a"].above, taken.schema.columns["a"].unique) == (0, True)
    assert [each.what for each in taken.left] == ["is_prime: {}"]


def test_a_real_object_of_pandera_is_taken_over() -> None:
    pa: Any = pytest.importorskip("pandera.pandas")
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.in_range(0, 5), nullable=True)})
    column = pandera.of_object(schema).schema.columns["a"]
    assert (column.type, column.at_least, column.at_most, column.missing) == ("whole", 0, 5, 1.0)


@pytest.mark.parametrize(
    "text", ["", "a: [", "[1, 2]", '{"expectations": 3}', "columns: 5", "\x00", "[" * 9000]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        taking.take(text, "x")
    assert caught.value.code == "schema-foreign"


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"column": "a"}, {"column": "a", "value_set": 3}, {"column": "a", "value_set": [1, "b"]}],
)
def test_a_demand_that_cannot_be_read_is_listed(kwargs: dict[str, Any]) -> None:
    suite = {"expectations": [{"type": "expect_column_values_to_be_in_set", "kwargs": kwargs}]}
    assert len(taking.take(json.dumps(suite), "x").left) == 1
