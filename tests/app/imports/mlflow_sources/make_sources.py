"""Makes the sources of the tests with a real MLflow: run it by a client's interpreter.

    cd EMPTY_FOLDER; PYTHONPATH= PYTHON make_sources.py sqlite:///mlflow.db
    cd EMPTY_FOLDER; PYTHONPATH= MLFLOW_ALLOW_FILE_STORE=true PYTHON make_sources.py ./mlruns
    tar -czf NAME.tar.gz .

Then replace the folder and the account in them by others. NAME is `database` or `folder` and the
version of MLflow. Keep all of them below 100 KB.
"""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression


def main() -> None:
    """Log a little of everything, delete some of it, register a model."""
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    client.create_experiment("first", tags={"team": "x"})
    gone = client.create_experiment("gone")
    mlflow.set_experiment("first")
    with mlflow.start_run(run_name="one"):
        mlflow.log_params({"lr": 0.1, "a/b": 1, "c": "x\ny"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metric("sub/m", float("nan"))
        mlflow.log_metric("inf", float("inf"))
        mlflow.set_tag("who", "me")
        mlflow.log_text("hello", "notes/a.txt")
        zeros = mlflow.data.from_numpy(np.zeros((3, 2)), name="zeros", source="mem")
        mlflow.log_input(zeros, context="training")
        model = LinearRegression().fit([[0], [1]], [0, 1])
        named = "name" if mlflow.__version__ >= "3" else "artifact_path"
        given: dict[str, Any] = {named: "model", "registered_model_name": "flights"}
        mlflow.sklearn.log_model(model, **given)
    with mlflow.start_run() as second:
        mlflow.log_metric("loss", 2)
    client.delete_run(second.info.run_id)
    with mlflow.start_run():
        pass
    lost = client.create_run(gone)
    client.log_metric(lost.info.run_id, "x", 1)
    client.delete_experiment(gone)
    client.set_registered_model_tag("flights", "k", "v")
    client.set_model_version_tag("flights", "1", "kk", "vv")
    client.set_registered_model_alias("flights", "best", "1")
    client.transition_model_version_stage("flights", "1", "Staging")


if __name__ == "__main__":
    main()
