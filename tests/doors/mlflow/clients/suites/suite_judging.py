"""Models that a client registers are judged by Trueup's gate; what a pipeline made is loaded here.

Needs a project in the folder PROJECT with `data:late@1`, `lumps@1` made by a pipeline, its server
at JUDGING, and CHECK, the command that judges a version, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import xgboost
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

SERVER = os.environ["JUDGING"]
client = MlflowClient(SERVER)
PROJECT = Path(os.environ["PROJECT"])
ROWS = pd.read_csv(PROJECT / "data" / "late.csv")
INPUTS = ROWS[["a", "b"]]
IS_3 = int(mlflow.__version__.split(".")[0]) >= 3


def check(reference: str, *more: str) -> tuple[int, str]:
    """Exit code and all words of the gate."""
    environment = {**os.environ, "PYTHONPATH": os.environ["OURS"]}
    done = subprocess.run(
        [*json.loads(os.environ["CHECK"]), reference, *more],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def linear() -> LogisticRegression:
    return LogisticRegression().fit(INPUTS, ROWS["late"])


def log_linear(name: str, form: str) -> None:
    mlflow.sklearn.log_model(
        linear(),
        name="model",
        serialization_format=form,
        input_example=INPUTS[:3],
        registered_model_name=name,
        pip_requirements=["skops"],
    )


def log_trees(name: str) -> None:
    trees = xgboost.XGBClassifier(n_estimators=20, max_depth=2).fit(INPUTS, ROWS["late"])
    mlflow.xgboost.log_model(
        trees,
        name="model",
        model_format="json",
        input_example=INPUTS[:3],
        registered_model_name=name,
        pip_requirements=["xgboost"],
    )


@pytest.mark.client_3
@pytest.mark.parametrize("log", [lambda name: log_linear(name, "skops"), log_trees])
def test_a_registered_model_becomes_champion_by_its_verdict(
    experiment: str, name: str, log: Any
) -> None:
    with mlflow.start_run():
        log(name)
    with pytest.raises(MlflowException, match=f"trueup check {name}@1 --data") as refused:
        client.set_registered_model_alias(name, "champion", "1")
    assert refused.value.error_code == "PERMISSION_DENIED"
    code, words = check(f"{name}@1", "--data", "data:late@1")
    assert code == 0, words
    assert "Judged by plan 1 on data:late@1" in words
    client.set_registered_model_alias(name, "champion", "1")
    assert str(client.get_model_version_by_alias(name, "champion").version) == "1"


@pytest.mark.client_3
def test_a_pickle_is_refused_by_name_with_the_cure(experiment: str, name: str) -> None:
    with mlflow.start_run():
        log_linear(name, "cloudpickle")
    code, words = check(f"{name}@1", "--data", "data:late@1")
    assert code == 5
    assert f"{name}@1 is quarantined: 'model.pkl' is a pickle" in words
    with pytest.raises(MlflowException, match=r"log the model again as skops, ONNX"):
        client.set_registered_model_alias(name, "champion", "1")


def test_what_a_pipeline_made_is_downloaded(tmp_path: Path) -> None:
    folder = Path(mlflow.artifacts.download_artifacts("models:/lumps/1", dst_path=str(tmp_path)))
    assert {"MLmodel", "model.skops", "requirements.txt"} <= {
        each.name for each in folder.iterdir()
    }
    said = mlflow.models.Model.load(str(folder))
    assert said.signature.inputs.input_names()[0] == "radius"


@pytest.mark.client_3
def test_what_a_pipeline_made_is_loaded_and_answers() -> None:
    rows = pd.read_csv(PROJECT / "data" / "lumps.csv")
    loaded = mlflow.pyfunc.load_model("models:/lumps/1")
    own = mlflow.sklearn.load_model("models:/lumps/1")
    inputs = rows[loaded.metadata.signature.inputs.input_names()].astype(float)
    assert loaded.predict(inputs).tolist() == own.predict(inputs).tolist()
    assert (own.predict(inputs) == rows["malignant"]).mean() > 0.8
