"""Runs over the wire: what a client logs, it reads again."""

from __future__ import annotations

import json

from .conftest import Client

DATABASES = ("sqlite", "postgresql")


def started(client: Client) -> str:
    run_id: str = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    return run_id


def test_a_run_reads_as_it_was_logged(client: Client) -> None:
    run_id = started(client)
    client.post("runs/log-parameter", run_id=run_id, key="lr", value="0.1")
    client.post("runs/set-tag", run_id=run_id, key="team", value="red")
    client.post("runs/log-metric", run_id=run_id, key="loss", value=0.5, timestamp=1, step=2)
    client.post("runs/update", run_id=run_id, status="FINISHED", end_time=9)
    found = client.get("runs/get", run_id=run_id)["run"]
    assert found["info"]["status"] == "FINISHED"
    assert found["info"]["end_time"] == 9
    assert found["data"]["params"] == [{"key": "lr", "value": "0.1"}]
    assert {"key": "team", "value": "red"} in found["data"]["tags"]
    assert found["data"]["metrics"] == [{"key": "loss", "value": 0.5, "timestamp": 1, "step": 2}]


def test_a_batch_sent_twice_is_kept_once(client: Client) -> None:
    run_id = started(client)
    batch = {
        "run_id": run_id,
        "metrics": [{"key": "a", "value": v, "timestamp": 5, "step": v} for v in range(3)],
        "params": [{"key": "p", "value": "1"}],
    }
    client.post("runs/log-batch", **batch)
    client.post("runs/log-batch", **batch)
    found = client.get("metrics/get-history", run_id=run_id, metric_key="a")["metrics"]
    assert [point["value"] for point in found] == [0, 1, 2]


def test_the_last_point_is_the_one_of_the_highest_step(client: Client) -> None:
    run_id = started(client)
    for step in (3, 1, 2):
        client.post("runs/log-metric", run_id=run_id, key="a", value=step, timestamp=5, step=step)
    assert client.get("runs/get", run_id=run_id)["run"]["data"]["metrics"][0]["value"] == 3


def test_nan_is_a_word_and_infinities_are_held_at_the_largest_float(client: Client) -> None:
    run_id = started(client)
    for key, value in (("nan", "NaN"), ("up", "Infinity"), ("down", "-Infinity")):
        client.post("runs/log-metric", run_id=run_id, key=key, value=value, timestamp=1)
    found = client.get("runs/get", run_id=run_id)["run"]["data"]["metrics"]
    values = {point["key"]: point["value"] for point in found}
    largest = 1.7976931348623157e308
    assert values == {"nan": "NaN", "up": largest, "down": -largest}


def test_a_batch_is_read_alike_whether_one_of_its_points_is_unusual_or_none(client: Client) -> None:
    plain = [{"key": "a", "value": n / 7, "timestamp": 5, "step": -n} for n in range(120)]
    unusual = {"key": "a", "value": "NaN", "timestamp": "6", "step": "7", "of": "no field of ours"}
    found = []
    for points in (plain, [*plain, unusual]):
        run_id = started(client)
        client.post("runs/log-batch", run_id=run_id, metrics=points)
        found.append(client.get("metrics/get-history", run_id=run_id, metric_key="a")["metrics"])
    assert found[0] == plain[::-1]
    assert found[1] == [*plain[::-1], {"key": "a", "value": "NaN", "timestamp": 6, "step": 7}]


def test_a_step_that_no_database_can_keep_is_refused_in_a_batch_too(client: Client) -> None:
    run_id = started(client)
    body = {"run_id": run_id, "metrics": [{"key": "a", "value": 1, "timestamp": 5, "step": 2**63}]}
    status, name, message = client.refused("POST", "runs/log-batch", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert "'step'" in message


def test_a_history_ends_with_its_last_page_even_if_that_is_full(client: Client) -> None:
    run_id = started(client)
    points = [{"key": "a", "value": v, "timestamp": 5, "step": 1} for v in (1, 2, 3, "NaN")]
    client.post("runs/log-batch", run_id=run_id, metrics=points)
    found, asked = [], {"run_id": run_id, "metric_key": "a", "max_results": 2}
    for _page in range(2):
        page = client.get("metrics/get-history", **asked)
        found += [point["value"] for point in page["metrics"]]
        asked["page_token"] = page.get("next_page_token", "")
    assert sorted(found, key=str) == [1, 2, 3, "NaN"]
    assert not asked["page_token"]


def test_a_parameter_never_changes(client: Client) -> None:
    run_id = started(client)
    client.post("runs/log-parameter", run_id=run_id, key="lr", value="1")
    client.post("runs/log-parameter", run_id=run_id, key="lr", value="1")
    body = {"run_id": run_id, "key": "lr", "value": "2"}
    status, name, message = client.refused("POST", "runs/log-parameter", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert "Changing param values is not allowed" in message


def test_a_parameter_that_is_given_twice_in_a_batch_is_refused(client: Client) -> None:
    run_id = started(client)
    twice = [{"key": "lr", "value": "1"}, {"key": "q", "value": "1"}, {"key": "lr", "value": "2"}]
    body = {"run_id": run_id, "params": twice}
    status, name, message = client.refused("POST", "runs/log-batch", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith("Duplicate parameter keys have been submitted: ['lr'].")
    assert not client.get("runs/get", run_id=run_id)["run"]["data"].get("params")


def test_an_unknown_run_is_not_found(client: Client) -> None:
    status, name, message = client.refused("GET", "runs/get", params={"run_id": "0" * 32})
    assert (status, name) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "not found" in message


def test_models_of_old_clients_are_noted_on_their_run(client: Client) -> None:
    run_id = started(client)
    said = {"artifact_path": "m", "flavors": {}, "utc_time_created": "t", "run_id": run_id}
    for path in ("m", "n", "n"):
        told = json.dumps({**said, "artifact_path": path})
        client.post("runs/log-model", run_id=run_id, model_json=told)
    tags = {
        t["key"]: t["value"] for t in client.get("runs/get", run_id=run_id)["run"]["data"]["tags"]
    }
    noted = json.loads(tags["mlflow.log-model.history"])
    assert [each["artifact_path"] for each in noted] == ["m", "n"]
    for wrong in ("{", "[]", '{"run_id": "x"}'):
        body = {"run_id": run_id, "model_json": wrong}
        assert client.refused("POST", "runs/log-model", json=body)[0] == 400
