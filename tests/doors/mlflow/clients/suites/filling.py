"""Fills a server of MLflow's own with a little of everything; run by the client's interpreter."""

from __future__ import annotations

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric
from sklearn.linear_model import LogisticRegression

client = MlflowClient()
group = mlflow.set_experiment("flights").experiment_id
with mlflow.start_run(run_name="first") as run:
    mlflow.log_params({"lr": 0.1, "a/b": "x"})
    mlflow.log_text("hello", "notes/a b ü.txt")
    mlflow.log_input(mlflow.data.from_numpy(np.eye(2), name="eye"), context="train")
    points = [Metric("loss", float(n), n, n) for n in range(1000)]
    client.log_batch(run.info.run_id, metrics=[*points[:998], Metric("odd", float("nan"), 1, 0)])
    client.log_metric(run.info.run_id, "large", float("inf"))
    mlflow.sklearn.log_model(
        LogisticRegression().fit(np.eye(2), [0, 1]),
        name="model",
        registered_model_name="flights",
        pip_requirements=["scikit-learn"],
    )
client.set_registered_model_alias("flights", "best", "1")
client.set_model_version_tag("flights", "1", "team", "blue")
client.delete_run(client.create_run(group).info.run_id)
client.delete_experiment(client.create_experiment("gone"))
