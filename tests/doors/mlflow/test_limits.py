"""Bad input over the wire: the right 4xx, in words of MLflow's, and nothing of it is written."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.app.wiring import Workspace

from .conftest import BASE, Client

DATABASES = ("sqlite", "postgresql")

DEEP = "[" * 10**6


@pytest.fixture
def run(client: Client) -> str:
    """A run that is running."""
    run_id: str = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    return run_id


def metrics(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"key": f"m{n}", "value": 1, "timestamp": 1} for n in range(first, first + count)]


def words(count: int) -> list[dict[str, str]]:
    return [{"key": f"w{n}", "value": "1"} for n in range(count)]


# What a run cannot keep: a path, and what is wrong in the body.
UNKEPT: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("runs/log-metric", {"value": value}) for value in ("high", True, None, [], {})),
    *(("runs/log-metric", {"step": step}) for step in (2**63, -(2**63) - 1, 1.5, "x", True)),
    *(("runs/log-metric", {"timestamp": at}) for at in (10**20, 1e300, "now", None)),
    *(("runs/log-metric", {"key": key}) for key in ("", "k" * 251, "a/../b", "/a", "a#b", 5)),
    *(("runs/log-parameter", {"value": value}) for value in ("x" * 6001, 5, [])),
    *(("runs/log-parameter", {"key": key}) for key in ("", "k" * 251, "a//b", "./a", "a\nb")),
    *(("runs/set-tag", {"value": value}) for value in ("x" * 8001, 5)),
    *(("runs/set-tag", {"key": key}) for key in ("", "..", "a/", "\u202e")),
    ("runs/log-batch", {"metrics": metrics(1001)}),
    ("runs/log-batch", {"metrics": metrics(901), "params": words(50), "tags": words(50)}),
    ("runs/log-batch", {"params": words(101)}),
    ("runs/log-batch", {"tags": words(101)}),
    ("runs/log-batch", {"metrics": [*metrics(3), {"key": "m", "value": 1}]}),
    ("runs/log-batch", {"metrics": "m"}),
    ("runs/log-batch", {"params": [*words(1), {"key": "w0", "value": "2"}]}),
    ("runs/update", {"status": "PERHAPS"}),
    ("runs/update", {"end_time": 10**20}),
    ("runs/log-inputs", {"datasets": [{}]}),
    ("runs/log-inputs", {"datasets": [{"dataset": {"name": "n" * 501, "digest": "d"}}]}),
)


def test_what_a_run_cannot_keep_is_refused(client: Client, run: str) -> None:
    before = client.get("runs/get", run_id=run)["run"]
    for path, body in UNKEPT:
        said = {"run_id": run, "key": "k", "value": "1", "timestamp": 1, **body}
        status, name, _ = client.refused("POST", path, json=said)
        assert (status, name) == (400, "INVALID_PARAMETER_VALUE"), (path, body)
    assert client.get("runs/get", run_id=run)["run"] == before


def test_what_is_just_short_enough_is_kept(client: Client, run: str) -> None:
    long = {"p" * 250: "ü" * 6000}
    client.post("runs/log-batch", run_id=run, metrics=metrics(1000))
    for key, value in long.items():
        client.post("runs/log-parameter", run_id=run, key=key, value=value)
    client.post("runs/set-tag", run_id=run, key="t", value="x" * 8000)
    client.post("experiments/set-experiment-tag", experiment_id="0", key="t", value="x" * 20_000)
    data = client.get("runs/get", run_id=run)["run"]["data"]
    assert len(data["metrics"]) == 1000
    assert {each["key"]: each["value"] for each in data["params"]} == long


UNREADABLE: tuple[str | bytes, ...] = (
    *("{", "[]", "1", '"x"', '{"value": NaN}', '{"value": 1e400}', '{"value": -1e400}'),
    *('{"key": "\\ud800"}', DEEP, DEEP + "]" * 10**6, json.dumps(DEEP)),
    '{"metrics": ' + DEEP,
    b'{"key": "\xff\xfe"}',
    b'\xef\xbb\xbf{"key": "a"}',
)


def test_what_is_no_object_of_json_is_refused(client: Client) -> None:
    headers = {"content-type": "application/json"}
    for body in UNREADABLE:
        status, name, _ = client.refused("POST", "runs/log-batch", content=body, headers=headers)
        assert (status, name) == (400, "BAD_REQUEST"), body[:30]


def test_another_content_type_is_refused(client: Client) -> None:
    for kind in ("text/plain", "application/xml", "", "multipart/form-data"):
        asked = {"content": b"{}", "headers": {"content-type": kind}}
        status, name, message = client.refused("POST", "runs/create", **asked)
        assert (status, name) == (400, "BAD_REQUEST"), kind
        assert message == "Bad Request. Content-Type must be one of ['application/json']."


def test_what_old_clients_encode_twice_is_read(client: Client, run: str) -> None:
    twice = json.dumps(json.dumps({"run_uuid": run, "key": "k", "value": "1", "odd": [1]}))
    headers = {"content-type": "application/json; charset=utf-8"}
    assert client.ask("POST", "runs/set-tag", content=twice, headers=headers).status_code == 200


def test_an_unknown_run_is_told(client: Client) -> None:
    unknown = (404, "RESOURCE_DOES_NOT_EXIST")
    impossible = (400, "INVALID_PARAMETER_VALUE")
    expected = {
        **dict.fromkeys(("0" * 32, "zz"), unknown),
        **dict.fromkeys(("../x", "a" * 257, "", " ", "a\x00", "a/b", "%2e"), impossible),
    }
    for path in ("runs/log-metric", "runs/set-tag", "runs/update", "runs/delete"):
        for run_id, told in expected.items():
            body = {"run_id": run_id, "key": "k", "value": "1", "timestamp": 1}
            assert client.refused("POST", path, json=body)[:2] == told, (path, run_id)


def test_what_can_be_no_experiment_is_refused(client: Client) -> None:
    for number in ("x", "-1", "1.5", "9" * 20, "٣", "0x1"):
        for path in ("runs/create", "experiments/delete", "experiments/restore"):
            status, name, _ = client.refused("POST", path, json={"experiment_id": number})
            assert (status, name) == (400, "INVALID_PARAMETER_VALUE"), (path, number)


ELSEWHERE = (
    *("mlflow-artifacts:/../../etc", "mlflow-artifacts:/x/%2e%2e/y", "s3://b/%252e%252e/x"),
    *("runs:/x/y", "models:/m/1", "s3://b/x#y", "file:///a/../b", "s3://b/" + "x" * 2048),
    *("a\\..\\b", "mlflow-artifacts:/x\x00"),
)


def test_an_experiment_keeps_its_files_in_one_place(client: Client) -> None:
    for location in ELSEWHERE:
        body = {"name": "placed", "artifact_location": location}
        status, name, message = client.refused("POST", "experiments/create", json=body)
        assert (status, name) == (400, "INVALID_PARAMETER_VALUE"), location
        assert "Invalid path" in message
    asked = {"experiment_name": "placed"}
    assert client.refused("GET", "experiments/get-by-name", params=asked)[0] == 404


UP = st.sampled_from(["..", "../..", "..\\..", "../../../etc/passwd", "a/../..", ". ./..", "..\\"])
ENCODED = st.lists(st.sampled_from(["quote", "dots", "upper"]), max_size=4)
ROOTS = ("mlflow-artifacts:/0/{run}/artifacts", "runs:/{run}", "s3://bucket", "https://host/x")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(encoded=ENCODED, root=st.sampled_from(ROOTS), up=UP)
def test_no_source_leads_out_of_its_run(
    client: Client, run: str, encoded: list[str], root: str, up: str
) -> None:
    for how in encoded:
        up = {
            "quote": quote(up, safe=""),
            "dots": up.replace(".", "%2e"),
            "upper": up.replace("%2e", "%2E").replace("%2f", "%2F"),
        }[how]
    client.ask("POST", "registered-models/create", json={"name": "m"})
    source = f"{root.format(run=run)}/{up}"
    body = {"name": "m", "source": source, "run_id": run}
    status, name, message = client.refused("POST", "model-versions/create", json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE"), source
    assert "Invalid model version source" in message


FOREIGN = (
    *("/etc/passwd", "file:///etc/passwd", "../x", "C:\\x", "\\\\server\\share\\x", "~/x"),
    *("file://server/share", "file:%2f%2fetc", "a\x00b", "x" * 2001, "mlflow-artifacts:/1/x"),
    *("mlflow-artifacts://other/0/x", "runs:/zz/model", "models:/m-" + "0" * 32),
    *("models:/nobody/1", "models:/nobody@champion"),
)


def test_a_source_lies_within_the_run_that_made_it(client: Client, run: str) -> None:
    client.post("registered-models/create", name="m")
    for source in FOREIGN:
        body = {"name": "m", "source": source, "run_id": run}
        assert client.refused("POST", "model-versions/create", json=body)[0] in (400, 404), source
    assert client.get("model-versions/search") == {}


def test_no_question_without_sense_fails_the_server(client: Client, workspace: Workspace) -> None:
    """Each endpoint is asked with nothing, with what it does not know, and with odd values."""
    from trueup.doors.mlflow.application import endpoints

    odd: tuple[dict[str, Any], ...] = (
        {},
        {"nonsense": 1},
        dict.fromkeys(ASKED, 10**30),
        dict.fromkeys(ASKED, "\x00'\"%"),
        {key: [[None, {}]] for key in ASKED},
    )
    for endpoint in endpoints():
        path = endpoint.path.replace("{path:path}", "x").format_map(_Anything())
        url = f"{BASE.removesuffix('/api/2.0/mlflow')}{endpoint.prefixes[0]}{path}"
        for asked in odd:
            plain = {key: str(value) for key, value in asked.items()}
            if endpoint.method == "GET" or endpoint.streams:
                reply = client.ask(endpoint.method, url, params=plain)
            else:
                reply = client.ask(endpoint.method, url, json=asked)
            assert reply.status_code < 500, (endpoint.method, path, asked, reply.text)
            if reply.status_code >= 400:
                assert reply.json()["error_code"]


ASKED = (
    *("name", "new_name", "key", "value", "run_id", "run_ids", "experiment_id", "experiment_ids"),
    *("experiment_name", "version", "alias", "stage", "source", "description", "tags", "params"),
    *("metrics", "models", "datasets", "filter", "order_by", "max_results", "page_token", "status"),
    *("metric_key", "path", "timestamp", "step", "trace", "trace_ids", "assessment", "locations"),
    *("upload_id", "num_parts", "parts", "start_time", "end_time", "model_json", "request_ids"),
    *("timestamp_ms", "filter_string1", "filter_string2", "artifact_file_path", "columns"),
)


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "zz"
