"""`trueup predict` as a person calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

NAMES = ("radius", "texture", "smoothness", "concavity", "symmetry")


@pytest.fixture
def table(lived: Path) -> Path:
    rows = pl.DataFrame({"id": range(30)} | {name: [0.5] * 30 for name in NAMES})
    rows.write_parquet(lived / "rows.parquet")
    return lived


def test_predictions_of_a_deployment_are_explained_and_labelled(table: Path, trueup: Any) -> None:
    line = "predict clinic --input rows.parquet --output out.parquet --chunk-rows 10 --json"
    done = trueup(*line.split())
    assert done.code == 0, done.err
    assert (done.data["rows"], done.data["chunks"], done.data["recorded"]) == (30, 3, True)
    made = pl.read_parquet("out.parquet")
    prediction = made["prediction_id"][17]
    why = trueup("why", f"prediction:{prediction}")
    assert why.code == 0, why.err
    assert "lumps@1" in why.out
    assert trueup("prediction", "label", prediction, "1").code == 0
    shown = trueup("prediction", "show", prediction, "--json").data
    assert shown["score"] == made["score"][17]
    again = trueup(*line.split())
    assert (again.code, again.data["code"]) == (4, "batch-output-exists")


def test_a_version_answers_without_a_record_and_says_what_it_lacks(
    table: Path, trueup: Any
) -> None:
    before = len(trueup("prediction", "list", "--json").data)
    plan = Path("trueup.toml")
    plan.write_text(plan.read_text().replace("at_least = 0.90", "at_least = 0.91"))
    assert trueup("plan", "adopt").code == 0
    done = trueup("predict", "lumps@1", "--input", "rows.parquet", "--output", "o.csv")
    assert done.code == 0, done.err
    assert "has no verdict under plan 2" in done.err
    assert "next: trueup model show lumps@1" in done.err
    assert len(trueup("prediction", "list", "--json").data) == before
    refused = trueup("predict", "clinic", "--input", "rows.parquet", "--output", "p.csv")
    assert (refused.code, "verdict-missing" in refused.err) == (6, True)
