"""Three models of 30 numbers that answer the same question, each in a format of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from trueup import candidate, data, pipeline, step

INPUTS = [f"f{i:02}" for i in range(30)]
LABEL = "paid"


@step
def parts(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The first tenth is kept aside."""
    aside = rows.height // 10
    return {"holdout": rows.head(aside), "train": rows.slice(aside)}


@step
def scaled(rows: pl.DataFrame) -> Pipeline:
    """A scikit-learn pipeline: impute, scale, logistic regression."""
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    return model.fit(rows.select(INPUTS).to_numpy(), rows[LABEL].to_numpy())


@step
def exported(model: Pipeline) -> Any:
    """The same as ONNX."""
    from skl2onnx import to_onnx

    options = {id(model): {"zipmap": False}}
    return to_onnx(model, np.zeros((1, len(INPUTS)), np.float32), options=options)


@step
def boosted(rows: pl.DataFrame) -> Any:
    """A hundred trees of LightGBM."""
    import lightgbm

    table = lightgbm.Dataset(rows.select(INPUTS).to_numpy(), rows[LABEL].to_numpy())
    settings = {"objective": "binary", "num_threads": 1, "verbosity": -1}
    return lightgbm.train(settings, table, num_boost_round=100)


@pipeline(model="sklearn")
def sklearn():
    """The model that the peers serve, too."""
    split = parts(data("credit"))
    model = scaled(split["train"])
    return candidate(model, trained_on=split["train"], holdout=split["holdout"], label=LABEL)


@pipeline(model="onnx")
def onnx():
    """The same model as ONNX."""
    split = parts(data("credit"))
    model = exported(scaled(split["train"]))
    return candidate(model, trained_on=split["train"], holdout=split["holdout"], label=LABEL)


@pipeline(model="lightgbm")
def lightgbm():
    """Trees."""
    split = parts(data("credit"))
    model = boosted(split["train"])
    return candidate(model, trained_on=split["train"], holdout=split["holdout"], label=LABEL)
