"""Checks by themselves: a model or rows in memory, without a plan or a registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import trueup
from trueup.foundation.errors import GateFailedError, UsageError, UserCodeError
from trueup.lifecycle.gates.alone import Findings

from ..conftest import model_of, sample

LIMIT = {"kind": "limit", "metric": "roc_auc", "at_least": 0.7, "min_rows": 100}


def test_a_fitted_model_is_checked_on_rows() -> None:
    model = model_of([2.0, 0.0])
    found = trueup.check_model(model, sample(600, 2), label="late", checks=["answers", LIMIT])
    assert [(each.check, each.outcome) for each in found] == [
        ("answers", "passed"),
        ("limit", "passed"),
    ]
    assert found.passed
    assert found.require() is found
    assert "<th>limit</th>" in found._repr_html_()


def test_a_function_is_a_model_too() -> None:
    found = trueup.check_model(
        lambda rows: 1 / (1 + np.exp(-rows["a"].to_numpy())),
        sample(600, 2),
        label="late",
        checks=[LIMIT],
    )
    assert found.passed


def test_a_frame_of_pandas_will_do() -> None:
    rows = pd.DataFrame(sample(600, 2).to_dict(as_series=False))
    assert trueup.check_model(model_of([2.0, 0.0]), rows, label="late", checks=[LIMIT]).passed


def test_a_bad_model_is_refused_with_the_reason() -> None:
    found = trueup.check_model(model_of([-2.0, 0.0]), sample(600, 2), label="late", checks=[LIMIT])
    assert not found.passed
    with pytest.raises(GateFailedError, match="limit: roc_auc is 0"):
        found.require()


def test_rows_that_it_learned_from_are_seen() -> None:
    rows = sample(600, 2)
    found = trueup.check_model(
        model_of([2.0, 0.0]), rows, label="late", trained_on=rows, checks=["leakage"]
    )
    assert [each.outcome for each in found] == ["failed"]


@pytest.mark.parametrize(
    ("checks", "code", "said"),
    [
        (["answer"], "check-unknown", "Did you mean 'answers'?"),
        ([{"kind": "limit"}], "check-malformed", "missing required field `metric`"),
        ([{**LIMIT, "at_leest": 1}], "check-malformed", "unknown field `at_leest`"),
        ([{**LIMIT, "at_least": "high"}], "check-malformed", "Expected `float"),
    ],
)
def test_a_check_that_cannot_be_made_is_named(checks: list[Any], code: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        trueup.check_model(model_of([2.0, 0.0]), sample(60, 2), label="late", checks=checks)
    assert caught.value.code == code
    assert said in caught.value.message


def test_what_is_no_model_is_said() -> None:
    with pytest.raises(UsageError, match="A dict is no model"):
        trueup.check_model({}, sample(60, 2), label="late")


def test_a_model_that_breaks_says_so() -> None:
    def broken(rows: pl.DataFrame) -> np.ndarray:
        raise ValueError("no such storm")

    with pytest.raises((UserCodeError, ValueError), match="no such storm"):
        trueup.check_model(broken, sample(60, 2), label="late")


def test_nothing_that_was_checked_is_no_pass() -> None:
    nothing = Findings([])
    assert not nothing.passed
    with pytest.raises(GateFailedError, match="nothing was checked"):
        nothing.require()
