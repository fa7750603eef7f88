"""Steps are plain functions, so plain tests do. Run them with: python -m pytest"""

import sys
from pathlib import Path

import polars as pl
import pytest

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))  # so that a bare `pytest` finds the pipelines, too

from pipelines import example  # noqa: E402


@pytest.fixture
def rows() -> dict[str, pl.DataFrame]:
    """The example's data as the pipeline splits it."""
    lumps = pl.read_csv(PROJECT / "data" / "lumps.csv")
    return example.split(lumps, holdout_share=0.4)


def test_no_row_is_on_both_sides(rows: dict[str, pl.DataFrame]) -> None:
    """The gate judges on rows that training never saw."""
    assert rows["train"].join(rows["holdout"], on=rows["train"].columns).is_empty()


def test_malignant_lumps_score_higher(rows: dict[str, pl.DataFrame]) -> None:
    """The model has learned something."""
    model = example.train(rows["train"], strength=1.0)
    scores = model.predict_proba(rows["holdout"].select(example.INPUTS))[:, 1]
    malignant = rows["holdout"][example.LABEL].to_numpy() == 1
    assert scores[malignant].mean() > scores[~malignant].mean() + 0.5
