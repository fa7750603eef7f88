"""Bad rows of every kind: no family ever raises, and none passes without having looked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.data.schemas import files
from trueup.lifecycle.data.schemas.inferring import infer
from trueup.lifecycle.gates import running
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.data_demands import Conflicts, Outliers, Privacy, Schema
from trueup.lifecycle.plan.demands import Leakage

R = np.random.default_rng(1)
Y = pl.Series("y", [0, 1] * 100)
BAD: dict[str, pl.DataFrame] = {
    "no rows": pl.DataFrame(
        {"a": pl.Series([], dtype=pl.Float64), "y": pl.Series([], dtype=pl.Int64)}
    ),
    "no columns": pl.DataFrame(),
    "one row": pl.DataFrame({"a": [1.0], "y": [1]}),
    "one class": pl.DataFrame({"a": R.normal(size=200), "y": [1] * 200}),
    "constant": pl.DataFrame({"a": [3.0] * 200, "b": ["x"] * 200, "y": Y}),
    "all missing": pl.DataFrame({"a": [None] * 200, "b": [float("nan")] * 200, "y": Y}),
    "no labels": pl.DataFrame(
        {"a": R.normal(size=200), "y": pl.Series([None] * 200, dtype=pl.Int64)}
    ),
    "infinite": pl.DataFrame({"a": [float("inf"), float("-inf")] * 100, "y": Y}),
    "zones": pl.DataFrame(
        {"a": [datetime(2026, 1, 1, tzinfo=UTC)] * 200, "b": [datetime(2026, 1, 1)] * 200, "y": Y}
    ),
    "nested": pl.DataFrame(
        {"a": [[1, 2]] * 200, "b": [{"x": 1}] * 200, "c": [b"\xff"] * 200, "y": Y}
    ),
    "huge numbers": pl.DataFrame(
        {"a": [2**63 - 1, -(2**63)] * 100, "b": [1e308, -1e308] * 100, "y": Y}
    ),
    "durations": pl.DataFrame(
        {
            "a": pl.Series(range(200)).cast(pl.Duration),
            "t": pl.Series(range(200)).cast(pl.Time),
            "y": Y,
        }
    ),
    "decimals": pl.DataFrame({"a": pl.Series(range(200)).cast(pl.Decimal(10, 2)), "y": Y}),
    "categories": pl.DataFrame({"a": pl.Series(["x", None] * 100, dtype=pl.Categorical), "y": Y}),
}


def asked(sample: Sample, text: str) -> list[CheckResult]:
    demands = (
        Schema(file="s.toml", text=text),
        Leakage(),
        Leakage(time="a"),
        Conflicts(),
        Outliers(),
        Privacy(),
    )
    return [running.of_sample(demand, sample) for demand in demands]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("label", ["y", "yy", ""])
def test_no_rows_break_a_check(name: str, label: str) -> None:
    rows = BAD[name]
    text = files.text(infer(rows.drop("a", strict=False) if name == "objects" else rows))
    for reference in (None, rows):
        for found in asked(Sample("s", rows, label=label, reference=reference), text):
            assert found.words, found
            assert "Error" not in found.words, found
            assert "Exception" not in found.words, found
            if rows.height == 0 and found.check != "schema":
                assert found.outcome != "passed"


def outcome(demand: Any, rows: pl.DataFrame, label: str = "") -> str:
    return running.of_sample(demand, Sample("s", rows, label=label)).outcome


def test_nothing_to_look_at_never_passes() -> None:
    assert outcome(Leakage(), BAD["one class"], "y") == "not-enough-data"
    assert outcome(Leakage(), BAD["no labels"], "y") == "not-enough-data"
    assert outcome(Leakage(), BAD["constant"], "yy") == "error"
    assert outcome(Conflicts(), BAD["constant"], "yy") == "error"
    assert outcome(Leakage(), BAD["constant"]) == "not-applicable"
    assert outcome(Outliers(), BAD["all missing"], "y") == "not-applicable"
    assert outcome(Outliers(), BAD["infinite"]) == "failed"
    assert outcome(Outliers(), BAD["one row"]) == "not-enough-data"
    assert outcome(Privacy(), BAD["no rows"]) == "not-enough-data"
    assert outcome(Schema(file="s", text=""), BAD["no columns"]) == "failed"


def test_a_zone_that_changed_is_a_finding() -> None:
    text = files.text(infer(BAD["zones"]))
    moved = BAD["zones"].with_columns(pl.col("a").dt.convert_time_zone("Asia/Tokyo"))
    found = running.of_sample(Schema(file="s", text=text), Sample("s", moved))
    assert found.words == "a: holds moments in Asia/Tokyo where UTC is wanted"


def test_text_where_numbers_were_is_counted() -> None:
    text = files.text(infer(pl.DataFrame({"a": range(200)})))
    mixed = pl.DataFrame({"a": [str(n) for n in range(197)] + ["n/a", "-", "x"]})
    found = running.of_sample(Schema(file="s", text=text), Sample("s", mixed))
    assert found.words == "a: holds text where whole numbers are wanted; 3 of 200 values are none"


@pytest.mark.slow
def test_ten_thousand_columns_and_a_million_categories() -> None:
    wide = pl.DataFrame({f"c{n}": R.normal(size=200) for n in range(10_000)}).with_columns(Y)
    for found in asked(Sample("s", wide, label="y"), files.text(infer(wide))):
        assert found.outcome in ("passed", "not-applicable", "error"), found.words
        assert len(found.parts) <= 200
    long = pl.DataFrame({"a": [f"v{n}" for n in range(1_000_000)], "y": [0, 1] * 500_000})
    for found in asked(Sample("s", long, label="y"), files.text(infer(long))):
        assert found.outcome in ("passed", "not-applicable", "error"), found.words
