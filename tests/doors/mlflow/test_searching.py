"""Searches over the wire: pages, views, columns, and refusals in MLflow's words."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client

DATABASES = ("sqlite", "postgresql")


def run(client: Client, experiment: str = "0", **metrics: float) -> str:
    made = client.post("runs/create", experiment_id=experiment, start_time=len(metrics))
    run_id: str = made["run"]["info"]["run_id"]
    logged = [{"key": k, "value": v, "timestamp": 1, "step": 0} for k, v in metrics.items()]
    client.post(
        "runs/log-batch", run_id=run_id, metrics=logged, params=[{"key": "lr", "value": "0.1"}]
    )
    return run_id


def found(answer: dict[str, Any]) -> list[str]:
    return [each["info"]["run_id"] for each in answer.get("runs", [])]


def search(client: Client, **asked: Any) -> dict[str, Any]:
    return client.post("runs/search", experiment_ids=["0"], **asked)


def test_runs_come_page_by_page_in_order(client: Client) -> None:
    runs = [run(client, loss=value) for value in (0.3, 0.1, 0.2)]
    first = search(client, order_by=["metrics.loss ASC"], max_results=2)
    assert found(first) == [runs[1], runs[2]]
    token = first["next_page_token"]
    last = search(client, order_by=["metrics.loss ASC"], max_results=2, page_token=token)
    assert found(last) == [runs[0]]
    assert "next_page_token" not in last


def test_a_filter_may_say_more_than_mlflows(client: Client) -> None:
    runs = [run(client, loss=1), run(client, loss=2), run(client)]
    where = "(metrics.loss > 1 OR metrics.loss IS NULL) AND params.lr = '0.1'"
    assert set(found(search(client, filter=where))) == set(runs[1:])


def test_columns_choose_what_is_read(client: Client) -> None:
    run(client, loss=1, acc=2)
    (one,) = search(client, columns=["metrics.loss", "params"])["runs"]
    assert [each["key"] for each in one["data"]["metrics"]] == ["loss"]
    assert one["data"]["params"] == [{"key": "lr", "value": "0.1"}]
    assert "tags" not in one["data"]
    (whole,) = search(client)["runs"]
    assert len(whole["data"]["metrics"]) == 2
    assert whole["data"]["tags"]


@pytest.mark.parametrize("view", ["DELETED_ONLY", 2])
def test_a_deleted_run_is_seen_by_those_who_ask_for_it(client: Client, view: Any) -> None:
    run_id = run(client)
    client.post("runs/delete", run_id=run_id)
    client.post("runs/delete", run_id=run_id)  # sent again: nothing more happens
    assert found(search(client)) == []
    assert found(search(client, run_view_type=view)) == [run_id]
    client.post("runs/restore", run_id=run_id)
    assert found(search(client)) == [run_id]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"filter": "metrics.loss > 1 foo"}, "Invalid clause(s) in filter string: 'foo'"),
        ({"filter": "(" * 10**6}, "nested deeper than"),
        ({"order_by": ["loss"]}, "Invalid attribute key 'loss' specified"),
        ({"max_results": 123456789}, "Invalid value 123456789 for parameter 'max_results' suppl"),
        ({"max_results": 0}, "Invalid value 0 for parameter 'max_results' supplied"),
        ({"page_token": "zzz"}, "Invalid page token"),
        ({"run_view_type": "SOME"}, "Invalid value 'SOME' for parameter 'run_view_type' supplied"),
        ({"experiment_ids": ["0"] * 10_001}, "Invalid value 10001 for parameter 'experiment_ids'"),
        ({"experiment_ids": ["abc"]}, "Invalid value 'abc' for parameter 'experiment_ids'"),
        ({"columns": ["foo.x"]}, "Invalid entity type 'foo'"),
    ],
    ids=range(10),
)
def test_what_cannot_be_searched_is_refused(
    client: Client, asked: dict[str, Any], said: str
) -> None:
    body = {"experiment_ids": ["0"], **asked}
    status, name, message = client.refused("POST", "runs/search", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert said in message


def test_the_default_experiment_is_found_before_anybody_wrote_one(client: Client) -> None:
    assert [each["name"] for each in client.post("experiments/search")["experiments"]] == [
        "Default"
    ]
    named = client.get("experiments/search", filter="name = 'other'", view_type="ACTIVE_ONLY")
    assert named == {}


def test_experiments_are_filtered_sorted_and_paged(client: Client) -> None:
    tags = [{"key": "team", "value": "red"}]
    for name in ("b", "a", "c"):
        client.post("experiments/create", name=name, tags=tags if name != "a" else [])
    answer = client.post("experiments/search", filter="tags.team = 'red'", order_by=["name"])
    assert [each["name"] for each in answer["experiments"]] == ["b", "c"]
    names: list[str] = []
    token = ""
    while True:
        page = client.post(
            "experiments/search", max_results=1, order_by=["name DESC"], page_token=token
        )
        names += [each["name"] for each in page["experiments"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert names == ["c", "b", "a", "Default"]


def test_deleting_an_experiment_deletes_its_runs_and_restoring_brings_them_back(
    client: Client,
) -> None:
    number = client.post("experiments/create", name="x")["experiment_id"]
    run_id = run(client, number)
    client.post("experiments/delete", experiment_id=number)
    client.post("experiments/delete", experiment_id=number)
    life = client.get("runs/get", run_id=run_id)["run"]["info"]["lifecycle_stage"]
    assert life == "deleted"
    body = {"experiment_id": number, "new_name": "y"}
    assert client.refused("POST", "experiments/update", json=body)[0] == 400
    client.post("experiments/restore", experiment_id=number)
    life = client.get("runs/get", run_id=run_id)["run"]["info"]["lifecycle_stage"]
    assert life == "active"


def test_an_experiment_is_renamed_and_tagged(client: Client) -> None:
    number = client.post("experiments/create", name="x")["experiment_id"]
    client.post("experiments/create", name="taken")
    client.post("experiments/update", experiment_id=number, new_name="y")
    client.post("experiments/set-experiment-tag", experiment_id=number, key="k", value="v")
    shown = client.get("experiments/get", experiment_id=number)["experiment"]
    assert (shown["name"], shown["tags"]) == ("y", [{"key": "k", "value": "v"}])
    client.post("experiments/delete-experiment-tag", experiment_id=number, key="k")
    gone = {"experiment_id": number, "key": "k"}
    status, name, message = client.refused("POST", "experiments/delete-experiment-tag", json=gone)
    assert (status, name) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert f"No tag with name: k in experiment with id {number}" in message
    body = {"experiment_id": number, "new_name": "taken"}
    assert client.refused("POST", "experiments/update", json=body)[1] == "RESOURCE_ALREADY_EXISTS"


def test_a_tag_is_taken_from_a_run_once(client: Client) -> None:
    run_id = run(client)
    client.post("runs/set-tag", run_id=run_id, key="k", value="v")
    client.post("runs/delete-tag", run_id=run_id, key="k")
    body = {"run_id": run_id, "key": "k"}
    status, _, message = client.refused("POST", "runs/delete-tag", json=body)
    assert status == 404
    assert f"No tag with name: k in run with id {run_id}" in message


def dataset(name: str, /, **more: Any) -> dict[str, Any]:
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    described = {"name": name, "digest": "d", "source_type": "local", "source": "{}", **more}
    return {"dataset": described, "tags": tags}


def test_what_a_run_read_and_made_is_read_back(client: Client) -> None:
    run_id = run(client)
    given = [dataset("a", schema="{}"), dataset("b")]
    for _ in range(2):  # sent again: kept once
        client.post("runs/log-inputs", run_id=run_id, datasets=given, models=[{"model_id": "m-1"}])
        client.post("runs/outputs", run_id=run_id, models=[{"model_id": "m-2", "step": 3}])
    shown = client.get("runs/get", run_id=run_id)["run"]
    assert shown["inputs"] == {"dataset_inputs": given, "model_inputs": [{"model_id": "m-1"}]}
    assert shown["outputs"] == {"model_outputs": [{"model_id": "m-2", "step": 3}]}
    assert search(client)["runs"] == [shown]
    summaries = client.post("experiments/search-datasets", experiment_ids=["0"])
    assert summaries["dataset_summaries"] == [
        {"experiment_id": "0", "name": name, "digest": "d", "context": "train"} for name in "ab"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "n" * 501},
        {"digest": "d" * 37},
        {"source": "s" * 65_536},
        {"schema": "s" * 1_048_576},
        {"profile": "p" * 16_777_216},
        {"name": None},
    ],
    ids=["name", "digest", "source", "schema", "profile", "none"],
)
def test_a_dataset_that_cannot_be_kept_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    run_id = run(client)
    body = {"run_id": run_id, "datasets": [dataset("a"), dataset("b", **wrong)]}
    status, name, _ = client.refused("POST", "runs/log-inputs", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert client.get("runs/get", run_id=run_id)["run"]["inputs"] == {}


def test_points_of_several_runs_come_at_once(client: Client) -> None:
    runs = sorted(run(client) for _ in range(2))
    for run_id in runs:
        logged = [{"key": "a", "value": v, "timestamp": v, "step": v} for v in range(100)]
        client.post("runs/log-batch", run_id=run_id, metrics=logged)
    asked: dict[str, Any] = {"run_id": runs, "metric_key": "a", "max_results": 150}
    bulk = client.get("metrics/get-history-bulk", **asked)["metrics"]
    assert [(each["run_id"], each["step"]) for each in bulk] == [
        *((runs[0], step) for step in range(100)),
        *((runs[1], step) for step in range(50)),
    ]
    asked = {"run_ids": runs, "metric_key": "a", "max_results": 4}
    few = client.get("metrics/get-history-bulk-interval", **asked)["metrics"]
    assert [each["step"] for each in few] == [0, 33, 66, 99] * 2
    asked = {"run_ids": runs[:1], "metric_key": "a", "start_step": 10, "end_step": 12}
    some = client.get("metrics/get-history-bulk-interval", **asked)["metrics"]
    assert [each["step"] for each in some] == [10, 11, 12]


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("get-history-bulk", {"metric_key": "a"}, "at least one run_id"),
        ("get-history-bulk", {"run_id": ["r"] * 101, "metric_key": "a"}, "more than 100 run_ids"),
        ("get-history-bulk", {"run_id": "r"}, "must specify a metric_key"),
        ("get-history-bulk-interval", {"run_ids": ["r"] * 101}, "at most 100 run_ids"),
        (
            "get-history-bulk-interval",
            {"run_ids": "r", "metric_key": "a", "max_results": 2501},
            "max_results must be between 1 and 2500.",
        ),
        (
            "get-history-bulk-interval",
            {"run_ids": "r", "metric_key": "a", "start_step": 1},
            "both must be specified",
        ),
    ],
)
def test_points_that_nobody_can_have_are_refused(
    client: Client, path: str, asked: dict[str, Any], said: str
) -> None:
    status, name, message = client.refused("GET", f"metrics/{path}", params=asked)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert said in message
