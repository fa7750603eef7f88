"""A program asks for a run: it is answered at once, and may ask how it stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar.testing import TestClient

from trueup.app.running import performing
from trueup.app.wiring import Workspace
from trueup.foundation.actor import service
from trueup.state.leases import Lease

Api = TestClient[Any]


def test_a_run_is_asked_for_and_its_reference_given_at_once(api: Api, clinic: Workspace) -> None:
    answer = api.post(
        "/runs", json={"pipeline": "example", "parameters": {"strength": 0.25}, "reason": "a doubt"}
    )
    assert answer.status_code == 202
    run = answer.json()["run"].removeprefix("run:")
    assert answer.json()["request"]["state"] == "waiting"
    assert answer.json()["request"]["reason"] == f"{clinic.owner.name} asked for it: a doubt"
    early = api.get(f"/runs/{run}")
    assert (early.status_code, early.json()["code"]) == (404, "run-not-begun")
    automation = service("automation")
    lease = Lease(clinic.state.database, "scheduler", timedelta(minutes=1))
    assert lease.take()
    clinic.requests.claim(automation, lease, 1)
    assert performing.perform(clinic, run) == 0
    begun = api.get(f"/runs/{run}").json()["run"]
    assert (begun["state"], begun["parameters"]["strength"]) == ("finished", 0.25)
    assert (begun["started_by"], begun["reason"]) == (
        "automation",
        f"{clinic.owner.name} asked for it: a doubt",
    )


def test_the_same_word_asks_once(api: Api) -> None:
    wanted = {"pipeline": "example", "key": "build-17"}
    first, again = (api.post("/runs", json=wanted).json() for _ in range(2))
    assert first == again
    assert api.post("/runs", json=wanted | {"key": "build-18"}).json()["run"] != first["run"]
    assert api.post("/runs", json={"pipeline": "example"}).json()["run"] != first["run"]


def test_how_a_request_stands_is_answered(api: Api) -> None:
    run = api.post("/runs", json={"pipeline": "example"}).json()["run"]
    asked = api.get(f"/requests/{run.removeprefix('run:')}").json()
    assert (asked["state"], asked["pipeline"], asked["kind"]) == ("waiting", "example", "call")
    missing = api.get("/requests/nothing1")
    assert (missing.status_code, missing.json()["code"]) == (404, "request-not-found")


def test_who_may_not_run_may_not_ask(api: Api, speaker: Any) -> None:
    speaker.name = "rita"
    refused = api.post("/runs", json={"pipeline": "example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission-denied")


def test_bad_bodies_ask_for_nothing(api: Api, clinic: Workspace) -> None:
    for body in (
        {},
        {"pipeline": ""},
        {"pipeline": "../etc"},
        {"pipeline": "example", "parameters": 7},
        {"pipeline": "example", "extra": 1},
        {"pipeline": "example", "key": "x" * 81},
    ):
        assert api.post("/runs", json=body).status_code == 400, body
    assert clinic.requests.list(clinic.owner) == []
