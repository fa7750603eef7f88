"""Plain estimators of scikit-learn asked straight: the same arithmetic without its checks.

For one row, scikit-learn spends most of a millisecond on checking what it is given, once in each
step of a pipeline. Here the fitted numbers are applied in the same order with the same operations,
so that the answer to a row is the same to the last bit. What is not plain, and rows that
scikit-learn may refuse, go to scikit-learn; whoever uses this compares both first
(`inference/scoring.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from trueup.ports.format import Matrix

_Step = Callable[[Matrix], Matrix]
_Asks = Callable[[Matrix], Any]


def straight(model: Any, ask: _Asks) -> _Asks | None:
    """What the model gives for a matrix of rows, or None if it is not plain.

    Args:
        model: A fitted estimator, or a pipeline of them.
        ask: The model's own method, for rows that it may refuse.
    """
    *before, last = [each for _, each in model.steps] if _named(model) == "Pipeline" else [model]
    plain = [each for each in before if not _is_skipped(each)]
    steps = [_step(each) for each in plain]
    answer = _answer(last)
    if answer is None or None in steps:
        return None
    fills = bool(plain) and _named(plain[0]) == "SimpleImputer"
    return _Straight(ask, [step for step in steps if step is not None], answer, fills)


class _Straight:
    """Steps and an answer, applied one after the other."""

    def __init__(self, ask: _Asks, steps: Sequence[_Step], answer: _Asks, fills: bool) -> None:
        self._ask = ask
        self._steps = steps
        self._answer = answer
        self._fills = fills  # the first step replaces what is missing

    def __call__(self, rows: Matrix) -> Any:
        finite = np.isfinite(rows)
        if not finite.all() and not (self._fills and np.isnan(rows[~finite]).all()):
            return self._ask(rows)
        for step in self._steps:
            rows = step(rows)
        return self._answer(rows)


def _named(estimator: Any) -> str:
    """The name of one of scikit-learn's own classes; a derived class may do anything."""
    kind = type(estimator)
    return kind.__name__ if kind.__module__.startswith("sklearn.") else ""


def _is_skipped(estimator: Any) -> bool:
    return estimator is None or estimator == "passthrough"


def _step(estimator: Any) -> _Step | None:
    make = _STEPS.get(_named(estimator))
    return None if make is None else make(estimator)


def _imputer(fitted: Any) -> _Step | None:
    values = np.asarray(fitted.statistics_)
    sought = fitted.missing_values
    fills_nan = isinstance(sought, float) and np.isnan(sought) and not fitted.add_indicator
    if not fills_nan or values.dtype.kind != "f" or not np.isfinite(values).all():
        return None
    return lambda rows: np.where(np.isnan(rows), values, rows)


def _standard(fitted: Any) -> _Step:
    # In this order: subtracting first, then dividing, as scikit-learn does.
    mean = fitted.mean_ if fitted.with_mean else None
    scale = fitted.scale_ if fitted.with_std else None
    return _scaled(mean, scale)


def _robust(fitted: Any) -> _Step:
    center = fitted.center_ if fitted.with_centering else None
    scale = fitted.scale_ if fitted.with_scaling else None
    return _scaled(center, scale)


def _scaled(less: Matrix | None, by: Matrix | None) -> _Step:
    def step(rows: Matrix) -> Matrix:
        if less is not None:
            rows = rows - less
        return rows if by is None else rows / by

    return step


def _min_max(fitted: Any) -> _Step | None:
    scale, least = fitted.scale_, fitted.min_
    return None if fitted.clip else lambda rows: rows * scale + least


def _answer(estimator: Any) -> _Asks | None:
    make = _ANSWERS.get(_named(estimator))
    return None if make is None else make(estimator)


def _logistic(fitted: Any) -> _Asks | None:
    from scipy.special import expit

    if len(fitted.classes_) != 2:
        return None
    weights, offset = fitted.coef_.T, fitted.intercept_

    def answer(rows: Matrix) -> Matrix:
        chance = expit((rows @ weights + offset).reshape(-1))
        return np.stack([1 - chance, chance], axis=1)

    return answer


def _linear(fitted: Any) -> _Asks | None:
    weights, offset = fitted.coef_, fitted.intercept_
    if np.ndim(weights) != 1:
        return None
    return lambda rows: rows @ weights + offset


def _tree(fitted: Any) -> _Asks | None:
    if fitted.n_outputs_ != 1:
        return None
    tree, classes = fitted.tree_, getattr(fitted, "n_classes_", 0)

    def answer(rows: Matrix) -> Any:
        found = tree.predict(np.ascontiguousarray(rows, dtype=np.float32))
        return found[:, :classes] if classes else found[:, 0]

    return answer


def _forest(fitted: Any) -> _Asks | None:
    if fitted.n_outputs_ != 1:
        return None
    trees, classes = [each.tree_ for each in fitted.estimators_], getattr(fitted, "n_classes_", 0)

    def answer(rows: Matrix) -> Matrix:
        given = np.ascontiguousarray(rows, dtype=np.float32)
        total = np.zeros((len(rows), classes) if classes else len(rows))
        for tree in trees:
            found = tree.predict(given)
            total += found[:, :classes] if classes else found[:, 0]
        return total / len(trees)

    return answer


_STEPS: Final[dict[str, Callable[[Any], _Step | None]]] = {
    "SimpleImputer": _imputer,
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MinMaxScaler": _min_max,
}
_ANSWERS: Final[dict[str, Callable[[Any], _Asks | None]]] = {
    "LogisticRegression": _logistic,
    "LinearRegression": _linear,
    "Ridge": _linear,
    "Lasso": _linear,
    "ElasticNet": _linear,
    "DecisionTreeClassifier": _tree,
    "DecisionTreeRegressor": _tree,
    "RandomForestClassifier": _forest,
    "RandomForestRegressor": _forest,
    "ExtraTreesClassifier": _forest,
    "ExtraTreesRegressor": _forest,
}
