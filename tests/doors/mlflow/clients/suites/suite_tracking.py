"""Experiments, runs, what they log, their files, and the search for them."""

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException, RestException

client = MlflowClient()


def test_a_run_keeps_all_that_it_logs(experiment: str) -> None:
    with mlflow.start_run(run_name="first", description="why it ran") as run:
        mlflow.log_param("depth", 6)
        mlflow.log_params({"rate": 0.1, "name": "ünï"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"low": -math.inf, "high": math.inf, "none": math.nan})
        mlflow.set_tag("team", "blue")
        mlflow.set_tags({"a": "1", "b": "2"})
        mlflow.delete_tag("b")
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
    found = client.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "first")
    assert found.info.end_time >= found.info.start_time
    assert found.info.experiment_id == experiment
    assert found.data.params == {"depth": "6", "rate": "0.1", "name": "ünï"}
    assert found.data.metrics["loss"] == 0.2
    assert found.data.metrics["high"] > 1.79e308
    assert found.data.metrics["low"] < -1.79e308
    assert math.isnan(found.data.metrics["none"])
    assert found.data.tags["team"] == "blue"
    assert "b" not in found.data.tags
    assert found.data.tags["mlflow.note.content"] == "why it ran"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(p.step, p.value) for p in history] == [(s, 1 / (s + 1)) for s in range(5)]


def test_a_batch_is_kept_whole_or_not_at_all(experiment: str) -> None:
    run = client.create_run(experiment).info.run_id
    points = [Metric("m", float(i), 1000 + i, i) for i in range(1000)]
    client.log_batch(run, metrics=points)
    client.log_batch(run, metrics=points)
    assert len(client.get_metric_history(run, "m")) == 1000
    client.log_batch(run, params=[Param("p", "1")], tags=[RunTag("t", "x")])
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_batch(run, params=[Param("p", "2"), Param("q", "1")], tags=[RunTag("u", "x")])
    data = client.get_run(run).data
    assert data.params == {"p": "1"}
    assert "u" not in data.tags
    client.set_terminated(run, "FAILED")
    assert client.get_run(run).info.status == "FAILED"


def test_what_is_not_there_is_told_in_words_that_clients_know(experiment: str) -> None:
    assert client.get_experiment_by_name("nobody has this name") is None
    for ask in (
        lambda: client.get_run("0" * 32),
        lambda: client.get_experiment("999999999"),
        lambda: client.log_metric("0" * 32, "m", 1),
    ):
        with pytest.raises(RestException) as refused:
            ask()
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    name = client.get_experiment(experiment).name
    with pytest.raises(MlflowException, match="already exists") as refused:
        client.create_experiment(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_a_run_that_fails_says_so(experiment: str) -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as run:
        raise ZeroDivisionError
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_a_run_is_taken_up_again(experiment: str) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1, step=1)
    with mlflow.start_run(run_id=run.info.run_id) as again:
        assert again.info.run_id == run.info.run_id
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("m", 2, step=2)
        mlflow.log_param("late", "yes")
    found = client.get_run(run.info.run_id)
    assert (found.info.status, found.data.metrics["m"]) == ("FINISHED", 2)
    assert len(client.get_metric_history(run.info.run_id, "m")) == 2


def test_child_runs_know_their_parent(experiment: str) -> None:
    with mlflow.start_run() as parent:
        for depth in range(3):
            with mlflow.start_run(nested=True):
                mlflow.log_param("depth", depth)
    tag = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = mlflow.search_runs(filter_string=tag, output_format="list")
    assert sorted(child.data.params["depth"] for child in children) == ["0", "1", "2"]
    assert client.get_parent_run(children[0].info.run_id).info.run_id == parent.info.run_id


def test_runs_log_in_the_background(experiment: str) -> None:
    with mlflow.start_run() as run:
        for step in range(200):
            mlflow.log_metric("loss", step, step=step, synchronous=False)
        mlflow.log_params({"a": "1"}, synchronous=False)
        mlflow.set_tag("b", "2", synchronous=False)
        mlflow.flush_async_logging()
    found = client.get_run(run.info.run_id)
    assert (found.data.params["a"], found.data.tags["b"]) == ("1", "2")
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 200


def test_measures_of_the_machine(experiment: str) -> None:
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        time.sleep(0.9)
    found = client.get_run(run.info.run_id).data.metrics
    assert found["system/system_memory_usage_megabytes"] > 0
    assert len(client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage"))


def test_experiments_are_changed_deleted_and_restored(experiment: str, name: str) -> None:
    client.set_experiment_tag(experiment, "team", "blue")
    client.rename_experiment(experiment, name)
    found = client.get_experiment_by_name(name)
    assert (found.experiment_id, found.tags["team"]) == (experiment, "blue")
    mlflow.delete_experiment_tag("team") if hasattr(mlflow, "delete_experiment_tag") else None
    run = client.create_run(experiment).info.run_id
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="active"):
        client.create_run(experiment)
    with pytest.raises(MlflowException, match="deleted"):
        mlflow.set_experiment(name)
    client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"
    assert client.get_run(run).info.lifecycle_stage == "active"


def test_runs_are_changed_deleted_and_restored(experiment: str) -> None:
    run = client.create_run(experiment, run_name="before").info.run_id
    client.update_run(run, name="after")
    assert client.get_run(run).info.run_name == "after"
    assert client.get_run(run).data.tags["mlflow.runName"] == "after"
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.log_metric(run, "m", 1)
    assert client.search_runs([experiment]) == []
    assert len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    assert len(client.search_runs([experiment])) == 1
    with pytest.raises(MlflowException, match="No tag with name: nothing"):
        client.delete_tag(run, "nothing")


@pytest.fixture(scope="module")
def many() -> str:
    """An experiment with thirty runs."""
    made = client.create_experiment("many runs")
    for number in range(30):
        run = client.create_run(made, start_time=1000 + number, run_name=f"run {number}").info
        metrics = [Metric("acc", number / 100, 1, 0)] if number % 10 else []
        params = [
            Param("depth", str(number % 3)),
            Param("kind", "Tree" if number % 2 else "forest"),
        ]
        client.log_batch(run.run_id, metrics, params, [RunTag("half", str(number // 15))])
        client.set_terminated(run.run_id)
    return made


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("metrics.acc > 0.25", 4),
        ("metrics.acc >= 0.25 and params.depth = '0'", 1),
        ("params.kind LIKE 'T%'", 15),
        ("params.kind ILIKE 'FOR%'", 15),
        ("tags.half = '1' AND params.depth != '2'", 10),
        ("attributes.run_name = 'run 7'", 1),
        ("status = 'FINISHED'", 30),
        ("start_time < 1010", 10),
        ('tags.`half` = "0"', 15),
        ("params.none IS NULL", 30),
        ("params.kind IS NOT NULL", 30),
        ("params.kind = 'Tree' or metrics.acc < 0.03", 16),
    ],
)
def test_runs_are_found_by_what_they_are(many: str, asked: str, found: int) -> None:
    assert len(client.search_runs([many], asked)) == found


def test_runs_are_ordered_and_given_out_in_pages(many: str) -> None:
    best = client.search_runs([many], order_by=["metrics.acc DESC"], max_results=3)
    assert [run.data.metrics["acc"] for run in best] == [0.29, 0.28, 0.27]
    missing_last = client.search_runs([many], order_by=["metrics.acc ASC"])
    assert ["acc" in run.data.metrics for run in missing_last] == [True] * 27 + [False] * 3
    newest = client.search_runs([many], max_results=7)
    assert [run.info.start_time for run in newest] == list(range(1029, 1022, -1))
    names, token = [], None
    while True:
        page = client.search_runs([many], "", max_results=7, page_token=token)
        names += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert (len(names), len(set(names))) == (30, 30)
    frame = mlflow.search_runs([many], filter_string="tags.half = '0'")
    assert (len(frame), set(frame["params.depth"])) == (15, {"0", "1", "2"})


def test_a_wrong_search_is_refused(many: str) -> None:
    for asked in ("metrics.acc >", "nonsense", "params.depth > '1'", "metric.acc = 'x'"):
        with pytest.raises(MlflowException) as refused:
            client.search_runs([many], asked)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_experiments_are_found(many: str, name: str) -> None:
    made = client.create_experiment(name, tags={"team": "green"})
    found = client.search_experiments(filter_string=f"name = '{name}'")
    assert [each.experiment_id for each in found] == [made]
    found = client.search_experiments(
        filter_string=f"name LIKE '{name[:5]}%' AND tags.team='green'"
    )
    assert [each.name for each in found] == [name]
    everything = [e.name for e in client.search_experiments(order_by=["name ASC"])]
    assert everything == sorted(everything)
    assert "Default" in everything
    assert len(client.search_experiments(max_results=1)) == 1


def test_datasets_are_noted(experiment: str) -> None:
    rows = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
    data = mlflow.data.from_pandas(rows, source="https://example.org/rows.csv", name="rows")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
        mlflow.log_input(data, context="training")
    (noted,) = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert (noted.dataset.name, noted.dataset.digest) == ("rows", data.digest)
    assert json.loads(noted.dataset.profile)["num_rows"] == 3
    assert {tag.key: tag.value for tag in noted.tags} == {"mlflow.data.context": "training"}
    assert mlflow.data.get_source(noted.dataset).url == "https://example.org/rows.csv"
    client.log_inputs(
        run.info.run_id, [DatasetInput(Dataset("other", "d1", "local", "{}"), tags=[])]
    )
    assert len(client.get_run(run.info.run_id).inputs.dataset_inputs) == 2
    by_name = mlflow.search_runs(filter_string="dataset.name = 'rows'", output_format="list")
    assert [each.info.run_id for each in by_name] == [run.info.run_id]


def test_files_come_back_as_they_were(experiment: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "ü n#.txt".replace("#", "")).write_text("tief")
    (folder / "empty").write_bytes(b"")
    (folder / "raw.bin").write_bytes(bytes(range(256)) * 10)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "results")
        mlflow.log_text("hello\n", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "notes/a.json")
        mlflow.log_dict({"a": [1, 2]}, "notes/a.yaml")
    run_id = run.info.run_id
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt") == "hello\n"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/notes/a.json") == {"a": [1, 2]}
    listed = {each.path: each.is_dir for each in client.list_artifacts(run_id)}
    assert listed == {"notes": True, "results": True}
    listed = {each.path: each.file_size for each in client.list_artifacts(run_id, "results")}
    assert listed == {"results/deep": None, "results/empty": 0, "results/raw.bin": 2560}
    got = Path(client.download_artifacts(run_id, "results", str(tmp_path)))
    original = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert {p.relative_to(got): p.read_bytes() for p in got.rglob("*") if p.is_file()} == original
    with pytest.raises(MlflowException, match=r"."):
        mlflow.artifacts.download_artifacts(f"runs:/{run_id}/nothing.txt", dst_path=str(tmp_path))


def test_a_large_file_comes_back_as_it_was(experiment: str, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(random.Random(0).randbytes(20 << 20))
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(large))
    got = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="large.bin", dst_path=str(tmp_path / "back")
    )
    assert Path(got).read_bytes() == large.read_bytes()


def test_pictures_and_tables(experiment: str) -> None:
    import matplotlib
    import numpy as np

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    with mlflow.start_run() as run:
        mlflow.log_image(picture, "black.png")
        mlflow.log_image(picture, key="frames", step=1)
        mlflow.log_figure(figure, "plot.png")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_table({"x": [3], "y": ["c"]}, "table.json")
    plt.close(figure)
    mlflow.flush_artifact_async_logging()
    rows = mlflow.load_table("table.json", run_ids=[run.info.run_id])
    assert rows["x"].tolist() == [1, 2, 3]
    assert mlflow.artifacts.load_image(f"{run.info.artifact_uri}/black.png").size == (8, 8)
    assert len(client.list_artifacts(run.info.run_id, "images")) >= 1
    assert client.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


def test_files_are_deleted(experiment: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with mlflow.start_run() as run:
        mlflow.log_text("a", "keep.txt")
        mlflow.log_text("b", "folder/gone.txt")
    get_artifact_repository(run.info.artifact_uri).delete_artifacts("folder")
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["keep.txt"]


def test_wrong_words_are_refused_before_anything_is_written(experiment: str) -> None:
    run = client.create_run(experiment).info.run_id
    attempts: list[Any] = [
        lambda: client.log_param(run, "a/../b", "1"),
        lambda: client.log_param(run, "long", "x" * 6001),
        lambda: client.log_metric(run, "bad#name", 1.0),
        lambda: client.set_tag(run, "", "x"),
        lambda: client.log_batch(run, metrics=[Metric("m", 1, 1, 1)] * 3 + [Metric("", 1, 1, 1)]),
    ]
    for attempt in attempts:
        with pytest.raises(MlflowException) as refused:
            attempt()
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    data = client.get_run(run).data
    assert (data.params, data.metrics) == ({}, {})
