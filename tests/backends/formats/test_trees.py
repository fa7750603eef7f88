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

from trueup.foundation.errors import DeniedError, UsageError
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


CLASSES = np.digitize(ROWS["a"].to_numpy(), [-0.5, 0.5])
AMOUNTS = 3 * ROWS["a"].to_numpy() + 10


def answers_of(name: str, model: Any) -> Any:
    form = loading.load("formats", name)()
    return form.predictor(form.load(form.dump(model)))(ROWS)


def test_xgboost_answers_every_question_as_its_estimators_do() -> None:
    xgboost = pytest.importorskip("xgboost")
    rows, few = ROWS.to_numpy(), {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}
    several = xgboost.XGBClassifier(**few).fit(rows, CLASSES)
    assert np.allclose(answers_of("xgboost", several), several.predict_proba(rows), atol=1e-6)
    number = xgboost.XGBRegressor(**few).fit(rows, AMOUNTS)
    assert np.allclose(answers_of("xgboost", number), number.predict(rows), atol=1e-5)
    levels = xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], **few
    ).fit(rows, AMOUNTS)
    assert answers_of("xgboost", levels).shape == (120, 3)
    assert np.allclose(answers_of("xgboost", levels), levels.predict(rows), atol=1e-5)
    ranker = xgboost.XGBRanker(**few).fit(rows, CLASSES, qid=np.arange(120) // 6)
    assert np.allclose(answers_of("xgboost", ranker), ranker.predict(rows), atol=1e-5)


def test_classes_that_xgboost_decided_are_given_as_their_probabilities() -> None:
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(ROWS.to_numpy(), CLASSES)
    settings = {"num_class": 3, "max_depth": 2, "nthread": 1, "seed": 1}
    decided = xgboost.train({"objective": "multi:softmax", **settings}, data, 3)
    shares = xgboost.train({"objective": "multi:softprob", **settings}, data, 3)
    assert np.allclose(answers_of("xgboost", decided), shares.predict(data), atol=1e-6)


def test_lightgbm_answers_every_question_as_its_estimators_do() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    rows, few = ROWS.to_numpy(), {"n_estimators": 3, "num_leaves": 4, "n_jobs": 1, "verbose": -1}
    several = lightgbm.LGBMClassifier(**few).fit(rows, CLASSES)
    assert np.allclose(answers_of("lightgbm", several), several.predict_proba(rows))
    for objective in ("regression", "quantile", "poisson"):
        number = lightgbm.LGBMRegressor(objective=objective, **few).fit(rows, AMOUNTS)
        assert np.allclose(answers_of("lightgbm", number), number.predict(rows))
    ranker = lightgbm.LGBMRanker(**few).fit(rows, CLASSES, group=[6] * 20)
    assert np.allclose(answers_of("lightgbm", ranker), ranker.predict(rows))
