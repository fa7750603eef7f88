"""What programs read: the same nouns and records as everywhere else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.runs.records import RunPage

Api = TestClient[Any]


def read(api: Api, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_the_nouns_of_the_lifecycle_can_be_read(api: Api) -> None:
    assert read(api, "/plan")["version"] == 1
    assert [d["name"] for d in read(api, "/data")] == ["lumps"]
    assert read(api, "/data/lumps?version=1")["rows"] == 569
    assert [v["version"] for v in read(api, "/data/lumps/versions")] == [1]
    branch = {"dataset": "lumps", "branch": "main", "version": 1}
    assert read(api, "/data/lumps/branches") == [branch]
    (file,) = read(api, "/data/lumps/files?version=main")
    assert read(api, f"/data/lumps/files?after={file['path']}") == []
    assert read(api, "/models") == ["lumps"]
    assert [v["version"] for v in read(api, "/models/lumps/versions")] == [3, 2, 1]
    assert read(api, "/models/lumps/versions/champion")["version"] == 1
    verdict = read(api, "/models/lumps/versions/2/verdicts")[0]
    assert verdict["statement"]["outcome"] == "FAILED"
    assert read(api, f"/verdicts/{verdict['id']}") == verdict
    assert read(api, "/deployments")["clinic"]["arms"][0]["model_ref"] == "lumps@1"
    assert [r["state"] for r in read(api, "/deployments/clinic/releases")] == ["requested", "live"]
    assert len(read(api, "/deployments/clinic/evaluations?limit=2")) == 2
    assert len(read(api, "/deployments/clinic/monitors/ranking.watch")) == 6
    assert "rita" in [p["name"] for p in read(api, "/people")]


def test_records_arrive_as_they_are(api: Api, clinic: Workspace) -> None:
    versions = msgspec.convert(
        read(api, "/models/lumps/versions"), list[ModelVersion], strict=False
    )
    assert versions == clinic.models.versions(clinic.owner, "lumps")
    runs = msgspec.convert(read(api, "/runs"), RunPage, strict=False)
    assert runs == clinic.runs.list(clinic.owner)


def test_lists_are_paged(api: Api) -> None:
    first = read(api, "/runs?limit=2")
    second = read(api, f"/runs?limit=2&after={first['next']}")
    assert [len(first["runs"]), len(second["runs"]), second["next"]] == [2, 1, ""]
    events = read(api, "/events?limit=3")
    assert read(api, f"/events?limit=3&before={events[-1]['seq']}")[0]["seq"] < events[-1]["seq"]
    assert {e["type"] for e in read(api, "/events?type=gate.*")} == {"gate.passed", "gate.failed"}
    assert read(api, "/events/verification")["problems"] == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/runs?limit=0", 400, "request-malformed"),
        ("/runs?limit=many", 400, "request-malformed"),
        ("/models/zzz/versions/1", 404, "model-not-found"),
        ("/alerts/zzz", 404, "alert-not-found"),
        ("/nothing", 404, "page-not-found"),
    ],
)
def test_an_error_is_a_problem_even_for_browsers(
    path: str, status: int, code: str, api: Api
) -> None:
    answer = api.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


def test_the_description_lists_every_route_of_the_api_and_loads_nothing(api: Api) -> None:
    answer = api.get("/openapi")
    described = msgspec.json.decode(answer.content)
    assert answer.status_code == 200
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert "post" in described["paths"]["/api/v1/approvals/{id_}/approve"]
    assert "cdn" not in answer.text
