"""Traces as clients 2.x send them: begun, ended, found; what clients 3.x ask about several."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client

DATABASES = ("sqlite", "postgresql")

V3 = "http://localhost/api/3.0/mlflow/traces"


def begun(client: Client, **more: Any) -> str:
    said = {"experiment_id": "0", "timestamp_ms": 1000, "tags": [{"key": "a", "value": "1"}]}
    trace_id: str = client.post("traces", **{**said, **more})["trace_info"]["request_id"]
    return trace_id


def end(client: Client, trace_id: str, **more: Any) -> Any:
    said = {"timestamp_ms": 1500, "status": "OK", **more}
    return client.ask("PATCH", f"traces/{trace_id}", json=said)


def test_a_trace_is_begun_and_ended(client: Client) -> None:
    trace_id = begun(client)
    assert client.get(f"traces/{trace_id}/info")["trace_info"]["status"] == "IN_PROGRESS"
    words = [{"key": "mlflow.traceInputs", "value": "{}"}]
    for _ in range(2):  # what is sent twice changes nothing
        ended = end(client, trace_id, request_metadata=words).json()["trace_info"]
        assert (ended["status"], ended["execution_time_ms"]) == ("OK", 500)
        assert ended["request_metadata"] == words
        assert {"key": "a", "value": "1"} in ended["tags"]
    assert client.get("traces", experiment_ids="0")["traces"] == [ended]
    assert client.get(f"{V3}/{trace_id}")["trace"]["trace_info"]["execution_duration"] == "0.500s"


def test_what_has_no_sense_is_refused(client: Client) -> None:
    trace_id = begun(client)
    assert end(client, trace_id, status="PERHAPS").status_code == 400
    assert end(client, trace_id, timestamp_ms="soon").status_code == 400
    assert end(client, "tr-9").status_code == 404
    assert client.ask("GET", "traces").status_code == 400
    assert client.get(f"traces/{trace_id}/info")["trace_info"]["status"] == "IN_PROGRESS"


def test_several_traces_are_told_without_their_spans(client: Client) -> None:
    ids = [begun(client), begun(client)]
    found = client.post(f"{V3}/batchGetInfos", trace_ids=[*ids, "tr-9"])["trace_infos"]
    assert [each["trace_id"] for each in found] == ids


def test_traces_are_linked_to_a_run(client: Client) -> None:
    run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    linked, other = begun(client), begun(client)
    client.post("traces/link-to-run", trace_ids=[linked, "tr-later"], run_id=run)
    found = client.get("traces", experiment_ids="0", filter=f"run_id = '{run}'")["traces"]
    assert [each["request_id"] for each in found] == [linked]
    found = client.get("traces", experiment_ids="0", filter="run_id IS NULL")["traces"]
    assert [each["request_id"] for each in found] == [other]
    many = {"trace_ids": ["tr-1"] * 101, "run_id": run}
    assert client.refused("POST", "traces/link-to-run", json=many)[0] == 400
    unknown = {"trace_ids": [linked], "run_id": "0" * 32}
    assert client.refused("POST", "traces/link-to-run", json=unknown)[0] == 404


@pytest.mark.parametrize(
    ("first", "second", "npmi"),
    [("tags.a = '1'", "tags.b = '1'", 1.0), ("tags.a = '1'", "tags.c = '1'", -1.0)],
)
def test_filters_that_go_together(client: Client, first: str, second: str, npmi: float) -> None:
    both = [{"key": key, "value": "1"} for key in "ab"]
    begun(client, tags=both)
    begun(client, tags=[{"key": "c", "value": "1"}])
    asked = {"experiment_ids": ["0"], "filter_string1": first, "filter_string2": second}
    said = client.post(f"{V3}/calculate-filter-correlation", **asked)
    assert (said["npmi"], said["total_count"]) == (npmi, 2)
    asked["filter_string2"] = "tags.none = '1'"
    assert client.post(f"{V3}/calculate-filter-correlation", **asked)["npmi"] == "NaN"
