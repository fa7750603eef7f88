"""What a model says that it takes is held against what the rows hold."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from trueup.lifecycle.gates.checks import signature
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.plan.demands import SignatureFits

from .kept_models import evidence, sample

PLAIN = SignatureFits()
ROWS = sample(200).with_columns(pl.col("a").clip(-2, 2))


def with_rows(rows: pl.DataFrame) -> Evidence:
    """Evidence on other rows."""
    return replace(evidence(holdout=ROWS), holdout=rows)


def test_rows_like_those_of_training_pass() -> None:
    found = signature.check(PLAIN, with_rows(ROWS))
    assert found.outcome == "passed", found.words
    assert [part.name for part in found.parts] == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "part", "said"),
    [
        (ROWS.drop("b"), "b", "column 'b' is not in the rows"),
        (ROWS.with_columns(a=pl.lit("1")), "a", "column 'a' holds String, and the model takes num"),
        (ROWS.with_columns(b=pl.lit(3)), "b", "column 'b' holds Int32, and the model takes text"),
        (ROWS.with_columns(a=pl.col("a") + 100), "a", "100.0% of the values of column 'a' are out"),
        (ROWS.with_columns(b=pl.lit("z")), "b", "column 'b' are no category of training"),
        (ROWS.with_columns(a=pl.lit(float("inf"))), "infinite", "infinite numbers stand in a"),
        (ROWS.with_columns(a=pl.lit(float("nan"))), "a", "are outside of the range"),
    ],
)
def test_what_does_not_fit_is_named(rows: pl.DataFrame, part: str, said: str) -> None:
    found = signature.check(PLAIN, with_rows(rows))
    assert found.outcome == "failed"
    assert part in [p.name for p in found.parts if p.outcome == "failed"]
    assert said in " ".join(p.words for p in found.parts)


def test_a_little_that_training_never_saw_is_allowed_as_the_plan_says() -> None:
    rows = ROWS.with_columns(
        b=pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("z")).otherwise("b")
    )
    assert signature.check(SignatureFits(unseen=0.05), with_rows(rows)).outcome == "passed"
    assert signature.check(SignatureFits(unseen=0.04), with_rows(rows)).outcome == "failed"


def test_gaps_are_refused_where_a_value_must_be() -> None:
    rows = ROWS.with_columns(a=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("a"))
    assert signature.check(PLAIN, with_rows(rows)).outcome == "passed"
    strict = Signature(inputs=(Column(name="a", kind="number", nullable=False),))
    found = signature.check(PLAIN, replace(with_rows(rows), signature=strict))
    assert found.outcome == "failed"
    assert "column 'a' has 3 rows without a value" in found.words


def test_whole_floats_are_integers_and_others_are_not() -> None:
    whole = Signature(inputs=(Column(name="a", kind="integer"),))
    seen = pl.DataFrame({"a": [0, 9], "late": [0, 1]})
    for value, outcome in ((2.0, "passed"), (2.5, "failed"), (float("nan"), "failed")):
        rows = pl.DataFrame({"a": [value], "late": [1]})
        known = replace(with_rows(rows), signature=whole, trained_on=seen)
        assert signature.check(PLAIN, known).outcome == outcome


def test_further_columns_and_another_order_are_said() -> None:
    rows = ROWS.select("late", "b", "a", more=pl.lit(1))
    found = signature.check(PLAIN, with_rows(rows))
    assert found.outcome == "passed"
    assert [part.name for part in found.parts][2:] == ["extra columns", "order"]
    refused = signature.check(SignatureFits(extra="refuse"), with_rows(rows))
    assert (refused.outcome, "hold more besides" in refused.words) == ("failed", True)


def test_the_label_among_the_inputs_is_refused() -> None:
    inputs = (Column(name="a", kind="number"), Column(name="late", kind="integer"))
    known = replace(with_rows(ROWS), signature=Signature(inputs=inputs))
    found = signature.check(PLAIN, known)
    assert found.outcome == "failed"
    assert "the model takes 'late', the label itself" in found.words


def test_without_rows_or_signature_nothing_passes() -> None:
    assert signature.check(PLAIN, with_rows(ROWS.clear())).outcome == "not-enough-data"
    silent = replace(with_rows(ROWS), signature=Signature(inputs=()))
    assert signature.check(PLAIN, silent).outcome == "error"


def test_unknown_training_rows_are_said_and_do_not_fail() -> None:
    found = signature.check(PLAIN, replace(with_rows(ROWS), trained_on=None))
    assert found.outcome == "passed"
    assert "not known here" in found.parts[0].words
