"""Answers of what a model must beat: training labels alone, the last value, a simpler model."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
import polars.selectors as cs

from trueup.foundation.errors import MissingExtraError
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.models import answers as model_answers
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models.answers import Labels
from trueup.lifecycle.plan.demands import Baseline
from trueup.ports.format import Scores

MOST_ROWS: Final = 50_000  # a simpler model gains nothing from more
_FEWEST_ROWS: Final = 10
_SEED: Final = 0
# Metrics of absolute errors are smallest at the median, all others at the mean.
_OF_MEDIAN: Final = frozenset({"mae", "median_absolute_error", "mape", "smape", "pinball"})


def answers(demand: Baseline, evidence: Evidence) -> Scores | str:
    """What the baseline answers to the rows set aside, or in words why it can say nothing."""
    if demand.against == "last":
        return _last(demand.column, evidence)
    if evidence.trained_on is None:
        return f"which rows {evidence.ref} learned from is not known here, so nothing can be fitted"
    seen = evidence.trained_on
    labels = model_answers.labels_of(seen, evidence.label, evidence.signature)
    known = np.isfinite(labels) & (
        labels != model_answers.UNSEEN if evidence.signature.classes else True
    )
    if np.count_nonzero(known) < _FEWEST_ROWS:
        return f"only {np.count_nonzero(known):,} training rows have a label"
    seen, labels = seen.filter(known), labels[known]
    if demand.against == "constant" or len(np.unique(labels)) < 2:
        return _constant(demand.metric.partition("@")[0], labels, evidence)
    if len(labels) > MOST_ROWS:
        picked = np.random.default_rng(_SEED).choice(len(labels), MOST_ROWS, replace=False)
        picked.sort()
        seen, labels = seen[picked], labels[picked]
    return _fitted(demand.against == "tree", seen, labels, evidence)


def _last(column: str, evidence: Evidence) -> Scores | str:
    if column not in evidence.holdout.columns:
        return f"the rows have no column '{column}' that could be the last value"
    if evidence.signature.width:
        return "a last value is one number, and the model gives several for a row"
    values = evidence.holdout[column].cast(pl.Float64, strict=False).to_numpy()
    if not np.isfinite(values).all():
        missing = int(np.count_nonzero(~np.isfinite(values)))
        return f"the column '{column}' has no number in {missing:,} of {len(values):,} rows"
    if evidence.signature.task == "binary" and not ((values >= 0) & (values <= 1)).all():
        return f"the column '{column}' holds values that are no probabilities"
    return np.asarray(values, dtype=np.float64)


def _constant(metric: str, labels: Labels, evidence: Evidence) -> Scores:
    rows, signature = len(evidence.labels), evidence.signature
    if signature.classes:
        shares = np.bincount(labels.astype(np.intp), minlength=signature.width) / len(labels)
        return np.tile(shares, (rows, 1))
    if signature.levels:
        return np.tile(np.quantile(labels, signature.levels), (rows, 1))
    if signature.task == "ranking":  # in any order: scores that are alike would rank worse
        return np.random.default_rng(_SEED).random(rows)
    middle = np.median if metric in _OF_MEDIAN and signature.task == "regression" else np.mean
    return np.full(rows, float(middle(labels)))


def _fitted(is_tree: bool, seen: pl.DataFrame, labels: Labels, evidence: Evidence) -> Scores:
    signature = evidence.signature
    is_class = signature.task in ("binary", "multiclass")
    known = model_rules.conform(seen, signature)
    model = _estimator(is_tree, is_class, known)
    given = labels.astype(np.intp) if is_class else labels
    model.fit(_plain(known), given)
    asked = _plain(evidence.inputs)
    if not is_class:
        found = np.asarray(model.predict(asked), dtype=np.float64)
        if not signature.levels:
            return found
        # The same width around every prediction: that of the misses on the training rows.
        missed = labels - np.asarray(model.predict(_plain(known)), dtype=np.float64)
        return found[:, np.newaxis] + np.quantile(missed, signature.levels)
    shares = np.asarray(model.predict_proba(asked), dtype=np.float64)
    if not signature.classes:
        return np.ascontiguousarray(shares[:, 1])
    every = np.zeros((len(shares), signature.width))
    every[:, model[-1].classes_] = shares  # a class that was never seen has no share
    return every


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        cs.boolean().cast(pl.Float64),
        cs.string().fill_null("missing"),
    ).with_columns(cs.numeric().cast(pl.Float64).fill_null(float("nan")))


def _estimator(is_tree: bool, is_class: bool, rows: pl.DataFrame) -> Any:
    try:
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-learn", "sklearn") from error
    words = [name for name, kind in rows.schema.items() if kind == pl.String]
    others = [name for name in rows.columns if name not in words]
    columns = make_column_transformer(
        (
            make_pipeline(
                SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
            ),
            others,
        ),
        (
            OneHotEncoder(handle_unknown="ignore", max_categories=20, sparse_output=False),
            words,
        ),
    )
    if is_tree:
        shape = {"max_depth": 3, "min_samples_leaf": 0.01, "random_state": _SEED}
        return make_pipeline(
            columns, (DecisionTreeClassifier if is_class else DecisionTreeRegressor)(**shape)
        )
    return make_pipeline(columns, LogisticRegression(max_iter=1000) if is_class else Ridge())
