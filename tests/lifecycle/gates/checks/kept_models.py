"""Small models that are kept in files, and the evidence about them."""

from __future__ import annotations

import numpy as np
import polars as pl

from trueup.backends.formats.function import Backend
from trueup.lifecycle.gates.evidence import Evidence, ModelFile, collect
from trueup.lifecycle.models.rules import signature_of
from trueup.ports.code import FunctionModel, Sources
from trueup.ports.format import Predictor

STEADY = """
import numpy as np

def score(rows):
    return 1 / (1 + np.exp(-rows["a"].to_numpy()))
"""


def sample(rows: int, seed: int = 1) -> pl.DataFrame:
    """Rows of two inputs and a label."""
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    late = (random.random(rows) < 1 / (1 + np.exp(-a))).astype(np.int64)
    return pl.DataFrame({"a": a, "b": random.choice(["x", "y"], rows), "late": late})


def kept(code: str) -> ModelFile:
    """A model whose function `score` is this code."""
    form = Backend()
    model = FunctionModel(Sources("kept_here:score", {"kept_here.py": code.encode()}), predict=list)
    raw = form.dump(model)

    def load() -> Predictor:
        return form.predictor(form.load(raw))

    return ModelFile("function", lambda: raw, load)


def evidence(
    code: str = STEADY, holdout: pl.DataFrame | None = None, file: bool = True
) -> Evidence:
    """What is known of such a model."""
    model = kept(code)
    seen = sample(400, seed=2)
    rows = sample(200) if holdout is None else holdout
    return collect(
        model.load(),
        rows,
        "late",
        signature=signature_of(seen, "late"),
        ref="kept@1",
        trained_on=seen,
        file=model if file else None,
    )
