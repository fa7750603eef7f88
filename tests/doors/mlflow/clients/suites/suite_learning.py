"""What libraries log by themselves, and evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

client = MlflowClient()
IS_3 = int(mlflow.__version__.split(".")[0]) >= 3
RANDOM = np.random.default_rng(0)
ROWS = pd.DataFrame(RANDOM.normal(size=(60, 3)), columns=["a", "b", "c"])
LABELS = (ROWS["a"] + ROWS["b"] > 0).astype(int)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, experiment: str) -> Iterator[None]:
    # What a model needs is otherwise found by importing it in another process: 5 s a model.
    monkeypatch.setattr("mlflow.utils.environment._infer_requirements", lambda *_, **__: ["numpy"])
    yield
    mlflow.sklearn.autolog(disable=True)
    mlflow.xgboost.autolog(disable=True)


def only_run(experiment: str, asked: str = "") -> mlflow.entities.Run:
    (run,) = client.search_runs([experiment], asked)
    return run


def test_a_fitted_estimator_is_logged_by_itself(experiment: str) -> None:
    mlflow.sklearn.autolog(log_input_examples=True, silent=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(ROWS, LABELS)
    model.score(ROWS, LABELS)
    run = only_run(experiment)
    assert run.data.params["logisticregression__C"] == "0.5"
    assert run.data.metrics["training_accuracy_score"] > 0.8
    assert run.info.status == "FINISHED"
    assert run.data.tags["estimator_class"] == "sklearn.pipeline.Pipeline"
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["dataset"]
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert loaded.predict(ROWS).tolist() == model.predict(ROWS).tolist()


def test_a_grid_of_parameters_becomes_child_runs(experiment: str) -> None:
    mlflow.sklearn.autolog(silent=True, max_tuning_runs=10)
    grid = {"max_depth": [1, 2, 3]}
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), grid, cv=2).fit(ROWS, LABELS)
    runs = client.search_runs([experiment])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert sorted(run.data.params["max_depth"] for run in children) == ["1", "2", "3"]
    (parent,) = [run for run in runs if run not in children]
    assert parent.data.params["best_max_depth"] == str(search.best_params_["max_depth"])
    assert parent.data.metrics["best_cv_score"] == pytest.approx(search.best_score_)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    names = {each.path for each in client.list_artifacts(parent.info.run_id)}
    assert "cv_results.csv" in names


def test_boosting_logs_each_round(experiment: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    mlflow.xgboost.autolog(silent=True)
    data = xgboost.DMatrix(ROWS, label=LABELS)
    booster = xgboost.train(
        {"objective": "binary:logistic", "nthread": 1},
        data,
        num_boost_round=8,
        evals=[(data, "train")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    run = only_run(experiment)
    history = client.get_metric_history(run.info.run_id, "train-logloss")
    # The last one is logged again as that of the best round.
    assert {point.step for point in history} >= set(range(8))
    assert run.data.params["num_boost_round"] == "8"
    assert run.data.metrics["best_iteration"] == booster.best_iteration
    loaded = mlflow.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert np.allclose(loaded.predict(data), booster.predict(data))


def test_a_model_is_evaluated(experiment: str) -> None:
    model = LogisticRegression().fit(ROWS, LABELS)
    rows = ROWS.assign(label=LABELS)
    with mlflow.start_run() as run:
        place = {"name": "model"} if IS_3 else {"artifact_path": "model"}
        logged = mlflow.sklearn.log_model(model, pip_requirements=["scikit-learn"], **place)
        result = mlflow.models.evaluate(
            logged.model_uri,
            rows,
            targets="label",
            model_type="classifier",
            evaluator_config={"log_explainer": False, "log_model_explainability": False},
        )
    assert result.metrics["accuracy_score"] > 0.8
    metrics = client.get_run(run.info.run_id).data.metrics
    assert metrics["accuracy_score"] == pytest.approx(result.metrics["accuracy_score"])
    names = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert "confusion_matrix.png" in names
