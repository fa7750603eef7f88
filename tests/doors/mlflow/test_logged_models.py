"""Logged models over the wire."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .conftest import Client

DATABASES = ("sqlite", "postgresql")


def made(client: Client, name: str = "", **more: Any) -> dict[str, Any]:
    body = {"experiment_id": "0", **({"name": name} if name else {}), **more}
    found: dict[str, Any] = client.post("logged-models", **body)["model"]
    return found


def ident(model: dict[str, Any]) -> str:
    found: str = model["info"]["model_id"]
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [model["info"]["name"] for model in found.get("models", [])]


def find(client: Client, **more: Any) -> list[str]:
    return names(client.post("logged-models/search", experiment_ids=["0"], **more))


def test_a_logged_model_reads_as_it_was_made(client: Client) -> None:
    model = made(
        client,
        "trees",
        model_type="classifier",
        source_run_id="r1",
        params=[{"key": "depth", "value": "6"}],
        tags=[{"key": "team", "value": "red"}],
    )
    info = model["info"]
    assert re.fullmatch(r"m-[0-9a-f]{32}", info["model_id"])
    assert info["artifact_uri"] == f"mlflow-artifacts:/0/models/{info['model_id']}/artifacts"
    assert (info["status"], info["model_type"]) == ("LOGGED_MODEL_PENDING", "classifier")
    assert info["source_run_id"] == "r1"
    assert model["data"]["params"] == [{"key": "depth", "value": "6"}]
    assert info["tags"] == [{"key": "team", "value": "red"}]
    assert client.get(f"logged-models/{info['model_id']}")["model"] == model


def test_it_gets_a_name_when_it_has_none(client: Client) -> None:
    assert made(client)["info"]["name"]


@pytest.mark.parametrize("status", ["LOGGED_MODEL_READY", 2])
def test_it_becomes_ready(client: Client, status: str | int) -> None:
    path = f"logged-models/{ident(made(client))}"
    reply = client.ask("PATCH", path, json={"status": status})
    assert reply.json()["model"]["info"]["status"] == "LOGGED_MODEL_READY"
    assert client.get(path)["model"]["info"]["status"] == "LOGGED_MODEL_READY"
    status_, name, message = client.refused("PATCH", path, json={"status": "DONE"})
    assert (status_, name) == (400, "INVALID_PARAMETER_VALUE")
    assert "Invalid value 'DONE' for parameter 'status' supplied" in message


def test_a_deleted_one_is_found_only_when_asked_for(client: Client) -> None:
    path = f"logged-models/{ident(made(client, 'gone'))}"
    assert client.ask("DELETE", path).status_code == 200
    assert client.refused("GET", path)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert client.get(path, allow_deleted="true")["model"]["info"]["name"] == "gone"
    assert find(client) == []


def test_tags_and_parameters(client: Client) -> None:
    path = f"logged-models/{ident(made(client))}"
    tags = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    assert client.ask("PATCH", f"{path}/tags", json={"tags": tags}).status_code == 200
    assert client.ask("DELETE", f"{path}/tags/a").status_code == 200
    status, name, message = client.refused("DELETE", f"{path}/tags/a")
    assert (status, name) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "No tag with key 'a' found" in message
    client.post(f"{path}/params", params=[{"key": "p", "value": "1"}])
    client.post(f"{path}/params", params=[{"key": "p", "value": "1"}])
    other = {"params": [{"key": "p", "value": "2"}]}
    assert client.refused("POST", f"{path}/params", json=other)[0] == 400
    found = client.get(path)["model"]
    assert found["info"]["tags"] == [{"key": "b", "value": "2"}]
    assert found["data"]["params"] == [{"key": "p", "value": "1"}]


def test_metrics_that_name_a_model_are_of_the_model_too(client: Client) -> None:
    model = ident(made(client))
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    point = {"key": "auc", "value": 0.9, "timestamp": 7, "step": 1, "model_id": model}
    client.post("runs/log-metric", run_id=run, dataset_name="d", dataset_digest="x", **point)
    client.post("runs/log-batch", run_id=run, metrics=[point | {"value": "NaN", "timestamp": 8}])
    (first, second) = client.get(f"logged-models/{model}")["model"]["data"]["metrics"]
    assert first == point | {"run_id": run, "dataset_name": "d", "dataset_digest": "x"}
    assert (second["value"], second["timestamp"]) == ("NaN", 8)


def test_a_metric_of_an_unknown_model_is_kept_nowhere(client: Client) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    body = {"run_id": run, "key": "a", "value": 1, "timestamp": 1, "model_id": "m-none"}
    status, name, message = client.refused("POST", "runs/log-metric", json=body)
    assert (status, name) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "Logged model with ID 'm-none' not found" in message
    assert "metrics" not in client.get("runs/get", run_id=run)["run"]["data"]


def test_search_by_name_tag_parameter_state_and_metric(client: Client) -> None:
    red = made(client, "red", tags=[{"key": "team", "value": "a'b"}])
    blue = made(client, "Blue", params=[{"key": "depth", "value": "6"}])
    client.ask("PATCH", f"logged-models/{ident(blue)}", json={"status": "LOGGED_MODEL_READY"})
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    for model, value, data in ((red, 0.5, "old"), (blue, 0.9, "new")):
        client.post(
            "runs/log-metric",
            **{"run_id": run, "key": "auc", "value": value, "timestamp": 1},
            **{"model_id": ident(model), "dataset_name": data},
        )
    assert find(client, filter="name = 'red'") == ["red"]
    assert find(client, filter="name LIKE 'b%'") == []
    assert find(client, filter="name ILIKE 'b%'") == ["Blue"]
    assert find(client, filter="name IN ('red', 'x')") == ["red"]
    assert find(client, filter="tags.team = \"a'b\" AND name != 'x'") == ["red"]
    assert find(client, filter="params.`depth` = '6'") == ["Blue"]
    assert find(client, filter="status = 'READY'") == ["Blue"]
    assert find(client, filter=f"source_run_id = 'x' AND model_id = '{ident(red)}'") == []
    assert find(client, filter="metrics.auc >= 0.9") == ["Blue"]
    assert find(client, filter="name = 'red' OR NOT metrics.auc < 0.9") == ["Blue", "red"]
    assert find(client, filter="metrics.none IS NULL AND tags.team IS NULL") == ["Blue"]
    old = [{"dataset_name": "old"}]
    assert find(client, filter="metrics.auc > 0.1", datasets=old) == ["red"]
    assert find(client, datasets=old) == ["red"]


def test_pages_by_metric_put_what_has_no_value_last(client: Client) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    for name, value in (("none", None), ("nan", "NaN"), ("low", -1), ("high", 2)):
        model = ident(made(client, name))
        if value is not None:
            point = {"key": "a", "value": value, "timestamp": 1, "model_id": model}
            client.post("runs/log-metric", run_id=run, **point)
    for ascending, order in (
        (True, ["low", "high", "nan", "none"]),
        (False, ["high", "low", "nan", "none"]),
    ):
        asked: dict[str, Any] = {
            "experiment_ids": ["0"],
            "max_results": 1,
            "order_by": [{"field_name": "metrics.a", "ascending": ascending}],
        }
        found = []
        while True:
            page = client.post("logged-models/search", **asked)
            found += names(page)
            if "next_page_token" not in page:
                break
            asked["page_token"] = page["next_page_token"]
        assert found == order
    asked["order_by"] = []
    assert client.refused("POST", "logged-models/search", json=asked)[0] == 400


def test_wrong_names_filters_and_orders_are_refused(client: Client) -> None:
    for name in ("a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"):
        body = {"experiment_id": "0", "name": name}
        assert "Invalid model name" in client.refused("POST", "logged-models", json=body)[2]
    for more, words in (
        ({"filter": "name"}, "Invalid clause(s) in filter string"),
        ({"filter": "colour = 'red'"}, "Invalid attribute key 'colour'"),
        ({"filter": "metrics.a = 'x'"}, "Expected numeric value type for metric"),
        ({"order_by": [{"field_name": "params.a"}]}, "Only metrics are supported"),
        ({"datasets": [{"dataset_digest": "x"}]}, "`dataset_name` in the `datasets` clause"),
        ({"page_token": "no"}, "page token"),
        ({"max_results": 123456789}, "Invalid value 123456789 for parameter 'max_results'"),
    ):
        body = {"experiment_ids": ["0"], **more}
        status, kind, message = client.refused("POST", "logged-models/search", json=body)
        assert (status, kind) == (400, "INVALID_PARAMETER_VALUE")
        assert words in message
    body = {"experiment_id": "7"}
    assert client.refused("POST", "logged-models", json=body)[:2] == (
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )
    assert client.refused("POST", "logged-models/search", json={})[0] == 400


def test_files_are_listed_and_read_below_the_model(client: Client) -> None:
    path = f"logged-models/{ident(made(client))}/artifacts"
    root = client.get(f"{path}/directories")["root_uri"]
    at = "http://localhost/api/2.0/mlflow-artifacts/artifacts/" + root.split(":/")[1]
    assert client.ask("PUT", f"{at}/data/MLmodel", content=b"flavors: {}").status_code == 200
    assert client.get(f"{path}/directories")["files"] == [{"path": "data", "is_dir": True}]
    inside = client.get(f"{path}/directories", artifact_directory_path="data")["files"]
    assert inside == [{"path": "data/MLmodel", "is_dir": False, "file_size": 11}]
    reply = client.ask("GET", f"{path}/files", params={"artifact_file_path": "data/MLmodel"})
    assert reply.content == b"flavors: {}"
    assert reply.headers["x-content-type-options"] == "nosniff"
