"""An example: from measurements of a lump to the chance that it is malignant.

Run it with `trueup run`. Steps are plain functions; a step whose code and inputs did not change
is taken from the cache.
"""

import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from trueup import candidate, data, pipeline, step

INPUTS = ["radius", "texture", "smoothness", "concavity", "symmetry"]
LABEL = "malignant"


@step
def split(lumps: pl.DataFrame, holdout_share: float) -> dict[str, pl.DataFrame]:
    """Set rows aside that the model never sees; the seed makes it the same each time."""
    shuffled = lumps.select(*INPUTS, LABEL).sample(fraction=1.0, shuffle=True, seed=7)
    aside = round(shuffled.height * holdout_share)
    return {"holdout": shuffled.head(aside), "train": shuffled.slice(aside)}


@step
def train(rows: pl.DataFrame, strength: float) -> Pipeline:
    """Fit the model; a larger strength trusts the data more."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
    return model.fit(rows.select(INPUTS), rows[LABEL])


@pipeline(model="lumps")
def example(strength: float = 1.0, holdout_share: float = 0.4):
    """How the steps hang together; try `trueup run example -p strength=0.1`."""
    rows = split(data("lumps"), holdout_share)
    model = train(rows["train"], strength)
    return candidate(model, trained_on=rows["train"], holdout=rows["holdout"], label=LABEL)
