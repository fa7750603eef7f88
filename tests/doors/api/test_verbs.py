"""What programs may do: the verbs of people, with the rules of people."""

from __future__ import annotations

from typing import Any

from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.foundation.actor import service

Api = TestClient[Any]


def open_question(api: Api) -> str:
    return str(api.get("/approvals").json()[0]["id"])


def test_a_second_person_approves_and_the_one_who_asked_may_not(api: Api, speaker: Any) -> None:
    question = open_question(api)
    own = api.post(f"/approvals/{question}/approve", json={"reason": "trust me"})
    assert (own.status_code, own.json()["code"]) == (403, "approval-refused")
    speaker.name = "rita"
    given = api.post(f"/approvals/{question}/approve", json={"reason": "I read it"})
    assert given.status_code == 200
    assert (given.json()["state"], given.json()["decided_by"]) == ("approved", "rita")
    again = api.post(f"/approvals/{question}/reject", json={})
    assert (again.status_code, again.json()["code"]) == (409, "approval-refused")


def test_a_second_person_rejects(api: Api, speaker: Any) -> None:
    question = open_question(api)
    speaker.name = "rita"
    refused = api.post(f"/approvals/{question}/reject", json={"reason": "not yet"})
    assert (refused.json()["state"], refused.json()["reason"]) == ("rejected", "not yet")
    assert api.get("/approvals").json() == []


def test_an_alert_is_acknowledged_with_a_reason(api: Api) -> None:
    alert = api.get("/alerts?unresolved=true").json()[0]["id"]
    taken = api.post(f"/alerts/{alert}/acknowledge", json={"reason": "I call the clinic"})
    assert taken.json()["state"] == "acknowledged"
    assert api.get(f"/alerts/{alert}").json()["why"] == "I call the clinic"


def test_a_release_is_rolled_back(api: Api, speaker: Any, clinic: Workspace) -> None:
    question = open_question(api)
    speaker.name = "rita"
    api.post(f"/approvals/{question}/approve", json={})
    at = "2026-05-01T00:00:00Z"
    clinic.releases.start(
        service("automation"), "clinic", 2, clinic.monitors.alerts(clinic.owner)[0].raised_at
    )
    speaker.name = clinic.owner.name
    back = api.post("/deployments/clinic/roll-back", json={"reason": "a doubt", "at": at})
    assert (back.status_code, back.json()["number"], back.json()["state"]) == (200, 1, "live")
    newest = api.get("/deployments/clinic/releases").json()[0]
    assert (newest["state"], newest["ended_at"]) == ("rolled-back", at)
    nothing = api.post("/deployments/clinic/roll-back", json={})
    assert nothing.status_code == 409


def test_a_release_is_paused_and_a_place_is_stopped_until_both_are_resumed(
    api: Api, speaker: Any, clinic: Workspace
) -> None:
    question = open_question(api)
    speaker.name = "rita"
    api.post(f"/approvals/{question}/approve", json={})
    clinic.releases.start(
        service("automation"), "clinic", 2, clinic.monitors.alerts(clinic.owner)[0].raised_at
    )
    speaker.name = clinic.owner.name
    paused = api.post("/deployments/clinic/pause", json={"reason": "a doubt"}).json()
    assert (paused["paused"], paused["why"]) == (True, "a doubt")
    for _ in range(2):
        stopped = api.post("/deployments/clinic/stop", json={"reason": "wrong units"})
        assert (stopped.status_code, stopped.json()["recorded"]) == (200, True)
    assert "wrong units" in api.get("/deployments").json()["clinic"]["stopped"]
    resumed = api.post("/deployments/clinic/resume", json={}).json()["resumed"]
    assert resumed == "clinic answers again and release:clinic@2 goes on"
    assert api.get("/deployments").json()["clinic"]["stopped"] == ""
    assert api.post("/deployments/clinic/promote", json={}).json()["state"] == "live"


def test_a_body_with_an_unknown_field_changes_nothing(api: Api) -> None:
    alert = api.get("/alerts?unresolved=true").json()[0]["id"]
    answer = api.post(f"/alerts/{alert}/acknowledge", json={"raison": "typo"})
    assert (answer.status_code, answer.json()["code"]) == (400, "request-malformed")
    assert api.get(f"/alerts/{alert}").json()["state"] == "open"


def test_a_form_of_another_site_changes_nothing(api: Api) -> None:
    alert = api.get("/alerts?unresolved=true").json()[0]["id"]
    for changed in ({"data": {"reason": "x"}}, {"content": b'{"reason": "x"}'}):
        answer = api.post(f"/alerts/{alert}/acknowledge", **changed)
        assert answer.json()["code"] == "content-type-not-json"
    assert api.get(f"/alerts/{alert}").json()["state"] == "open"
