"""How a loaded model is asked: by a matrix where that says the same, in one call for all rows."""

from __future__ import annotations

import asyncio
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trueup.lifecycle.models.answers import Shaped
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.serving.inference.scoring import Scorer
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.ports.loading import load

NAMES = ["a", "b", "c"]
COLUMNS = (
    Column(name="a", kind="number"),
    Column(name="b", kind="integer"),
    Column(name="c", kind="boolean"),
)
ROWS = pl.DataFrame(
    {
        "a": np.random.default_rng(1).normal(size=60),
        "b": np.arange(60) % 7,
        "c": [row % 2 == 0 for row in range(60)],
    }
)
LABELS = (ROWS["a"] + ROWS["b"] / 7 > 0.4).cast(pl.Int64)
FIT = {
    "on a frame": lambda model: model.fit(ROWS, LABELS),
    "on a matrix": lambda model: model.fit(ROWS.cast(pl.Float64).to_numpy(), LABELS.to_numpy()),
}


@pytest.fixture(scope="module")
def pool() -> Any:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def scorer(model: Any, pool: ThreadPoolExecutor, **signature: Any) -> Scorer:
    said = Signature(inputs=COLUMNS, **signature)
    predictor = Shaped(load("formats", "skops")().predictor(model), said)
    return Scorer(LoadedModel("m@1", 1, said, predictor), pool)


def scores(scorer: Scorer, *requests: pl.DataFrame) -> list[Any]:
    async def ask() -> list[Any]:
        asked = [scorer.score(rows.to_dict(as_series=False), rows.height) for rows in requests]
        return [found[0] for found in await asyncio.gather(*asked)]

    return asyncio.run(ask())


@pytest.mark.parametrize("fitted", FIT)
def test_a_matrix_is_answered_as_the_frame_would_be(fitted: str, pool: ThreadPoolExecutor) -> None:
    model = FIT[fitted](make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()))
    asked = scorer(model, pool)
    assert asked.takes_matrix
    frames = Shaped(load("formats", "skops")().predictor(model), asked.model.signature)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = scores(asked, ROWS)
    assert found == frames(ROWS).tolist()


def test_a_model_that_looks_up_names_is_given_frames(pool: ThreadPoolExecutor) -> None:
    by_name = make_column_transformer((StandardScaler(), ["a", "b"]))
    model = make_pipeline(by_name, LogisticRegression()).fit(ROWS, LABELS)
    asked = scorer(model, pool)
    assert not asked.takes_matrix
    assert scores(asked, ROWS[:3]) == [model.predict_proba(ROWS[:3])[:, 1].tolist()]


def test_a_matrix_that_is_answered_otherwise_is_not_used(pool: ThreadPoolExecutor) -> None:
    class Odd:
        def __call__(self, rows: pl.DataFrame) -> Any:
            return rows["a"].fill_null(0.0).to_numpy()

        def of_matrix(self) -> Any:
            return lambda rows: rows[:, 0] + 1e-15

    asked = Scorer(LoadedModel("m@1", 1, Signature(inputs=COLUMNS), Odd()), pool)
    assert not asked.takes_matrix


def test_what_a_model_says_besides_goes_to_the_request_that_it_is_about(
    pool: ThreadPoolExecutor,
) -> None:
    class Telling:
        def __call__(self, rows: pl.DataFrame) -> Any:
            return self.told(rows)[0]

        def told(self, rows: pl.DataFrame) -> Any:
            scores = rows["b"].fill_null(0).cast(pl.Float64).to_numpy()
            return scores, {"label": [f"row {score:g}" for score in scores]}

    said = Signature(inputs=COLUMNS)
    asked = Scorer(LoadedModel("m@1", 1, said, Shaped(Telling(), said)), pool)
    frames = [ROWS[:1], ROWS[1:4]]

    async def ask() -> list[Any]:
        return await asyncio.gather(
            *(asked.score(rows.to_dict(as_series=False), rows.height) for rows in frames)
        )

    for found, _, extra in asyncio.run(ask()):
        assert extra == {"label": [f"row {score:g}" for score in found]}


@pytest.fixture(scope="module")
def logistic(pool: ThreadPoolExecutor) -> Scorer:
    return scorer(FIT["on a frame"](make_pipeline(SimpleImputer(), LogisticRegression())), pool)


cells = st.tuples(
    st.none() | st.floats(-1e6, 1e6), st.none() | st.integers(-(2**53), 2**53), st.booleans()
)


@settings(max_examples=40)
@given(st.lists(st.lists(cells, min_size=1, max_size=30), min_size=1, max_size=5))
def test_requests_that_are_scored_together_get_what_each_gets_alone(
    logistic: Scorer, requests: list[list[Any]]
) -> None:
    schema = {"a": pl.Float64, "b": pl.Int64, "c": pl.Boolean}
    frames = [pl.DataFrame(rows, schema=schema, orient="row") for rows in requests]
    alone = [scores(logistic, frame)[0] for frame in frames]
    for found, expected in zip(scores(logistic, *frames), alone, strict=True):
        assert np.allclose(found, expected, rtol=1e-12, atol=0)


def test_a_number_a_class_and_a_number_are_told_apart(pool: ThreadPoolExecutor) -> None:
    three = np.arange(60) % 3
    several = make_pipeline(SimpleImputer(), LogisticRegression()).fit(ROWS, three)
    (found,) = scores(scorer(several, pool, task="multiclass", classes=(0, 1, 2)), ROWS[:2])
    assert [len(row) for row in found] == [3, 3]
    number = make_pipeline(SimpleImputer(), LinearRegression()).fit(ROWS, three * 1.5)
    (found,) = scores(scorer(number, pool, task="regression"), ROWS[:2])
    assert all(isinstance(value, float) for value in found)


def test_a_wide_pipeline_is_asked_by_matrix_though_many_rows_round_otherwise(
    pool: ThreadPoolExecutor,
) -> None:
    names = [f"f{place:02}" for place in range(30)]
    values = np.random.default_rng(0).normal(size=(400, 30))
    frame, labels = pl.DataFrame(values, schema=names), pl.Series(values[:, 0] > 0).cast(pl.Int64)
    steps = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    model = steps.fit(frame, labels)
    signature = Signature(inputs=tuple(Column(name=name, kind="number") for name in names))
    predictor = Shaped(load("formats", "skops")().predictor(model), signature)
    asked = Scorer(LoadedModel("m@1", 1, signature, predictor), pool)
    assert asked.takes_matrix
    rows = [frame[row : row + 1] for row in range(20)]
    alone = [scores(asked, row)[0] for row in rows]
    assert alone == [model.predict_proba(row)[:, 1].tolist() for row in rows]


def test_a_model_that_ends_the_process_fails_only_its_request(pool: ThreadPoolExecutor) -> None:
    def ends(rows: pl.DataFrame) -> Any:
        if (rows["a"] > 8).any():
            raise SystemExit(3)
        return rows["a"].fill_null(0.0).to_numpy()

    asked = Scorer(LoadedModel("m@1", 1, Signature(inputs=COLUMNS), ends), pool)

    async def ask() -> list[Any]:
        jobs = [asked.score({"a": [a], "b": [1], "c": [True]}, 1) for a in (1.0, 9.0, 2.0)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert (first[0], third[0]) == ([1.0], [2.0])
    assert second.message.endswith("raised SystemExit.")
