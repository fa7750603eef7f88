"""Files of tree libraries are checked before the library sees them: it trusts every number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import DeniedError, TrueupError, UsageError
from trueup.ports import loading

RANDOM = np.random.default_rng(3)
ROWS = pl.DataFrame({"a": RANDOM.normal(size=120), "b": RANDOM.normal(size=120)})
LABELS = (ROWS["a"].to_numpy() + RANDOM.normal(size=120) > 0).astype(int)


@cache
def boosted() -> bytes:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=2, max_depth=3).fit(ROWS.to_numpy(), LABELS)
    return loading.load("formats", "xgboost")().dump(model)


@cache
def light() -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    parameters = {"objective": "binary", "verbosity": -1, "num_leaves": 6, "num_threads": 1}
    return lightgbm.train(parameters, lightgbm.Dataset(ROWS.to_numpy(), LABELS), 2)


def first_tree(model: Any) -> Any:
    return model["learner"]["gradient_booster"]["model"]["trees"][0]


def set_(name: str, place: int, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        first_tree(model)[name][place] = value

    return change


HOSTILE = {
    "a child that leads back": set_("left_children", 1, 0),
    "a child that is its own parent": set_("right_children", 0, 0),
    "a child outside the tree": set_("left_children", 0, 10**6),
    "a child before the tree": set_("left_children", 0, -7),
    "a column that is not there": set_("split_indices", 0, 99),
    "a column before the first": set_("split_indices", 0, -1),
    "two parents": set_("right_children", 0, 1),
    "a value too few": lambda model: first_tree(model)["split_conditions"].pop(),
    "a tree too few": lambda model: model["learner"]["gradient_booster"]["model"]["trees"].pop(),
    "a strange booster": lambda model: model["learner"]["gradient_booster"].update(name="x"),
    "no learner": lambda model: model.pop("learner"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_xgboost_never_sees_a_tree_that_is_none(what: str) -> None:
    model = json.loads(boosted())
    HOSTILE[what](model)
    with pytest.raises(DeniedError) as caught:
        loading.load("formats", "xgboost")().load(json.dumps(model).encode())
    assert caught.value.code == "model-unsafe"


def test_xgboosts_ubj_is_read_like_its_json() -> None:
    form = loading.load("formats", "xgboost")()
    booster = form.load(boosted())
    raw = bytes(booster.save_raw("ubj"))
    assert np.array_equal(form.predictor(form.load(raw))(ROWS), form.predictor(booster)(ROWS))
    for cut in range(0, len(raw) - 1, 97):
        with pytest.raises(DeniedError):
            form.load(raw[:cut])


def test_deep_json_is_no_model() -> None:
    pytest.importorskip("xgboost")
    with pytest.raises(DeniedError):
        loading.load("formats", "xgboost")().load(b'{"learner":' + b"[" * 10**6)


def test_an_estimator_that_stopped_early_answers_with_its_best_rounds() -> None:
    xgboost = pytest.importorskip("xgboost")
    x = ROWS.to_numpy()
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=2, learning_rate=1.0)
    model.fit(x[:80], LABELS[:80], eval_set=[(x[80:], LABELS[80:])], verbose=False)
    form = loading.load("formats", "xgboost")()
    expected = model.predict_proba(x)[:, 1].astype(np.float64)
    assert np.allclose(form.predictor(form.load(form.dump(model)))(ROWS), expected)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("left_child", "0 -1 -1 -1 -1"),
        ("left_child", "99 -1 -1 -1 -1"),
        ("left_child", "-99 -1 -1 -1 -1"),
        ("split_feature", "7 7 7 7 7"),
        ("split_feature", "0"),
        ("leaf_value", "0.5"),
        ("num_leaves", "999999999"),
        ("num_cat", "3"),
        ("is_linear", "1"),
        ("tree_sizes", "1 2"),
        ("max_feature_idx", "5000"),
        ("num_tree_per_iteration", "0"),
        ("version", "v9"),
    ],
)
def test_lightgbm_never_sees_a_tree_that_is_none(line: str, value: str) -> None:
    form = loading.load("formats", "lightgbm")()
    text = form.dump(light()).decode()
    forged, count = re.subn(rf"(?m)^{line}=.*$", f"{line}={value}", text, count=1)
    assert count == 1
    with pytest.raises(DeniedError) as caught:
        form.load(forged.encode())
    assert caught.value.code == "model-unsafe"


def test_categories_of_lightgbm_are_kept_within_their_bounds() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    form = loading.load("formats", "lightgbm")()
    rows = pl.DataFrame({"kind": RANDOM.integers(0, 6, 300), "a": RANDOM.normal(size=300)})
    labels = (rows["kind"].to_numpy() % 2).astype(int)
    parameters = {"objective": "binary", "verbosity": -1, "min_data_per_group": 5, "num_threads": 1}
    data = lightgbm.Dataset(rows.to_numpy(), labels, categorical_feature=[0])
    model = lightgbm.train(parameters, data, 2)
    raw = form.dump(model)
    assert np.array_equal(form.predictor(form.load(raw))(rows), model.predict(rows.to_numpy()))
    forged = re.sub(rb"(?m)^cat_boundaries=0 (\d+)", rb"cat_boundaries=0 9", raw, count=1)
    assert forged != raw
    with pytest.raises(DeniedError):
        form.load(forged)


def test_columns_are_found_by_their_names_and_words_are_refused() -> None:
    xgboost = pytest.importorskip("xgboost")
    names = ["a", "b"]
    matrix = xgboost.DMatrix(ROWS.to_numpy(), LABELS, feature_names=names)
    model = xgboost.train({"objective": "binary:logistic"}, matrix, 2)
    form = loading.load("formats", "xgboost")()
    score = form.predictor(form.load(form.dump(model)))
    assert np.array_equal(score(ROWS), score(ROWS.select("b", "a")))
    with pytest.raises(UsageError) as caught:
        score(ROWS.with_columns(a=pl.lit("word")))
    assert caught.value.code == "model-needs-numbers"


def test_three_classes_are_no_score() -> None:
    xgboost = pytest.importorskip("xgboost")
    form = loading.load("formats", "xgboost")()
    model = xgboost.XGBClassifier(n_estimators=2).fit(ROWS.to_numpy(), np.arange(120) % 3)
    with pytest.raises(TrueupError) as caught:
        form.predictor(form.load(form.dump(model)))(ROWS)
    assert caught.value.code == "model-output"
