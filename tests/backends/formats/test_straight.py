"""Plain estimators asked straight say the same as scikit-learn does, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from trueup.backends.formats._straight import straight

DRAWN = np.random.default_rng(3)
ROWS = DRAWN.normal(size=(200, 4)) * [1, 10, 0.1, 1000]
LABELS = (ROWS[:, 0] + ROWS[:, 1] / 10 > 0).astype(int)
NUMBERS = ROWS @ [1.0, 0.5, 2.0, 0.001]
FEW = {"n_estimators": 5, "max_depth": 4, "random_state": 0}
PLAIN = {
    "imputed, scaled, logistic": (
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        LABELS,
    ),
    "median, robust, ridge": (
        make_pipeline(SimpleImputer(strategy="median"), RobustScaler(), Ridge()),
        NUMBERS,
    ),
    "min-max, linear": (make_pipeline(MinMaxScaler(), "passthrough", LinearRegression()), NUMBERS),
    "uncentred, logistic": (
        make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
        LABELS,
    ),
    "tree": (DecisionTreeClassifier(max_depth=3), LABELS),
    "tree of numbers": (DecisionTreeRegressor(max_depth=3), NUMBERS),
    "forest": (RandomForestClassifier(**FEW), LABELS),
    "forest of three classes": (RandomForestClassifier(**FEW), LABELS + (ROWS[:, 2] > 0)),
    "forest of numbers": (make_pipeline(SimpleImputer(), RandomForestRegressor(**FEW)), NUMBERS),
    "extra trees": (ExtraTreesRegressor(**FEW), NUMBERS),
}
FITTED = {name: model.fit(ROWS, labels) for name, (model, labels) in PLAIN.items()}


def asked(model: Any) -> Any:
    return getattr(model, "predict_proba", None) or model.predict


@settings(max_examples=20)
@pytest.mark.parametrize("name", PLAIN)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.just(4)),
        elements=st.floats(-1e9, 1e9) | st.just(np.nan),
    )
)
def test_it_says_the_same_or_refuses_likewise(name: str, rows: Any) -> None:
    model = FITTED[name]
    quick = straight(model, asked(model))
    assert quick is not None
    try:
        expected = asked(model)(rows)
    except ValueError:
        with pytest.raises(ValueError, match="NaN"):
            quick(rows)
        return
    given_rows = rows.copy()
    assert np.array_equal(quick(rows), expected)
    assert np.array_equal(rows, given_rows, equal_nan=True)


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_endless_is_left_to_scikit_learn(name: str) -> None:
    quick = straight(FITTED[name], asked(FITTED[name]))
    assert quick is not None
    with pytest.raises(ValueError, match="infinity"):
        quick(np.full((1, 4), np.inf))


class Own(StandardScaler):
    """What a derived class does is not known."""


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(Own(), LogisticRegression()),
        make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()),
        make_pipeline(SimpleImputer(missing_values=0), LogisticRegression()),
        make_pipeline(MinMaxScaler(clip=True), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=2),
    ],
    ids=lambda model: str(model)[:40],
)
def test_what_is_not_plain_is_left_to_scikit_learn(model: Any) -> None:
    fitted = model.fit(ROWS, LABELS)
    assert straight(fitted, asked(fitted)) is None
