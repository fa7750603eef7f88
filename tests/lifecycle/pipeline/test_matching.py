"""Types of arguments: what can never fit is refused, all else is left to the run."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from trueup import data, pipeline, step
from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import matching

T = TypeVar("T")


class Fits(Protocol):
    def fit(self) -> None: ...


class Parts(TypedDict):
    rows: int


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (int, int),
        (int, float),
        (bool, int),
        (np.float64, float),
        (int | None, int),
        (str, typing.Optional[str]),  # noqa: UP045
        (Any, int),
        (int, Any),
        (int, object),
        (T, int),
        (pl.DataFrame, pd.DataFrame),
        (pl.LazyFrame, pl.DataFrame),
        (pl.DataFrame, Path),
        (dict[str, int], Path),
        (list[int], Sequence[float]),
        (list, Iterable[int]),
        (tuple[int, ...], list[int]),
        (Parts, dict[str, int]),
        (npt.NDArray[np.float64], np.ndarray),
        (LogisticRegression, ClassifierMixin),
        (BaseEstimator, ClassifierMixin),
        (LogisticRegression, Fits),
        (int, Fits),
        (Literal["a", "b"], str),
        (str, Colour),
        (matching.DATASET, pl.DataFrame),
        (matching.DATASET, Path),
        (matching.DATASET, Any),
        (list[int] | int, list[int]),
    ],
)
def test_these_fit(given: Any, wanted: Any) -> None:
    assert matching.fits(given, wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (float, int),
        (str, int),
        (int, str),
        (str, bool),
        (pl.DataFrame, int),
        (pl.DataFrame, list[int]),
        (dict[str, pl.DataFrame], pl.DataFrame),
        (Path, str),
        (str, Path),
        (list[int], list[str]),
        (list[list[int]], list[list[str]]),
        (dict[str, int], dict[str, str]),
        (int, int.__class__),
        (LogisticRegression, pl.DataFrame),
        (pl.DataFrame, LogisticRegression),
        (None, int),
        (matching.DATASET, int),
        (Literal["a"], int),
        (np.ndarray, pl.DataFrame),
    ],
)
def test_these_never_fit(given: Any, wanted: Any) -> None:
    assert not matching.fits(given, wanted)


@pytest.mark.parametrize(
    ("wanted", "value", "fits"),
    [
        (float, 3, True),
        (int, 3.0, False),
        (bool, 1, False),
        (list[int], [1, "a"], False),
        (list[int], (1, 2), True),
        (dict[str, int], {"a": "b"}, False),
        (Path, "data/x.csv", False),
        (Literal["a"], "b", True),
        (int | None, None, True),
        (int, None, False),
        (pl.DataFrame, pl.DataFrame(), True),
        (pl.DataFrame, 3, False),
        (Colour, Colour.RED, True),
        (LogisticRegression, LogisticRegression(), True),
        (LogisticRegression, 3, False),
        (LogisticRegression, BaseEstimator(), True),
        (Any, object(), True),
    ],
)
def test_plain_values_fit_or_not(wanted: Any, value: Any, fits: bool) -> None:
    assert matching.accepts(wanted, value) is fits


def test_a_parameter_for_a_file_is_known() -> None:
    assert matching.wants_path(dict[str, Path])
    assert not matching.wants_path(pl.DataFrame | str)
    assert matching.frame_kind(pd.DataFrame | None) == "pandas.DataFrame"
    assert matching.frame_kind(int) == ""


def test_annotations_that_only_type_checkers_see_are_not_checked() -> None:
    def train(rows: NowhereToBeFound, depth: int) -> float: ...  # type: ignore[name-defined,empty-body]  # noqa: F821

    assert matching.hints(train) == {"rows": Any, "depth": int, "return": float}


@step
def split(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"train": rows}


@step
def train(rows: pl.DataFrame, depth: int = 6, names: list[str] | None = None) -> float:
    return 0.5


@step
def report(scores: list[float]) -> str:
    return str(scores)


def problem(call: Any) -> str:
    def flights() -> None:
        call()

    with pytest.raises(UsageError) as caught:
        pipeline(flights).draw({})
    assert caught.value.code == "pipeline-type"
    return caught.value.message.partition(": ")[2]


def test_a_value_of_another_type_is_refused_with_both_types() -> None:
    assert problem(lambda: train(split(data("x")))) == (
        "step 'train' takes DataFrame as 'rows', but is given the result of step 'split', "
        "which is dict[str, polars.dataframe.frame.DataFrame]."
    )
    assert "takes int as 'depth', but is given 'six'" in problem(
        lambda: train(data("x"), "six")  # type: ignore[arg-type]
    )
    assert "which is a dataset" in problem(lambda: report(data("x")))  # type: ignore[arg-type]
    assert "takes list[str] | None as 'names'" in problem(
        lambda: train(data("x"), names=[3])  # type: ignore[list-item]
    )


def test_parts_and_lists_of_results_are_looked_into() -> None:
    def flights() -> None:
        parts = split(data("x"))
        report([train(parts["train"]), train(parts["test"], depth=2)])

    assert len(pipeline(flights).draw({}).nodes) == 4
    assert "takes float as 'scores[1]'" in problem(
        lambda: report([train(data("x")), report([1.0])])  # type: ignore[list-item]
    )
