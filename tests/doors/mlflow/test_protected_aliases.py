"""A protected alias or stage moves with evidence only, whichever door somebody tries."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace as replaced

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, GateFailedError

from .conftest import Client

# lumps@1 is live and champion, lumps@2 did not pass, lumps@3 passed and waits for an approval.


def refused_alias(clinic: Workspace, number: int, alias: str = "champion") -> tuple[int, str, str]:
    body = {"name": "lumps", "alias": alias, "version": str(number)}
    return Client(clinic).refused("POST", "registered-models/alias", json=body)


def champion(clinic: Workspace) -> int | None:
    return clinic.models.aliases(clinic.owner, "lumps").get("champion")


def approve(clinic: Workspace, alias: str, number: int = 3) -> None:
    asked = clinic.releases.ask_for_alias(clinic.owner, "lumps", alias, str(number))
    clinic.people.decide(Actor(name="rita"), asked.id, True, "I read the verdict")


def test_a_version_that_failed_never_becomes_champion(clinic: Workspace) -> None:
    status, name, message = refused_alias(clinic, 2)
    assert (status, name) == (403, "PERMISSION_DENIED")
    assert "lumps@2 did not pass the gate" in message and "(trueup check lumps@2)" in message
    assert champion(clinic) == 1


@pytest.mark.parametrize("alias", ["champion", "Champion", "CHAMPION", "production", "Production"])
def test_a_version_that_passed_waits_for_the_approval(clinic: Workspace, alias: str) -> None:
    status, name, message = refused_alias(clinic, 3, alias)
    assert (status, name) == (403, "PERMISSION_DENIED")
    assert "nobody else has approved yet" in message and "(trueup" in message
    assert champion(clinic) == 1


def test_nobody_approves_their_own(clinic: Workspace) -> None:
    asked = clinic.releases.ask_for_alias(clinic.owner, "lumps", "production", "3")
    with pytest.raises(DeniedError):
        clinic.people.decide(clinic.owner, asked.id, True)
    assert f"(trueup approve {asked.id} --as NAME)" in refused_alias(clinic, 3, "production")[2]


def test_with_verdict_and_approval_it_moves_and_is_recorded(clinic: Workspace) -> None:
    approve(clinic, "production")
    client = Client(clinic)
    client.post("registered-models/alias", name="lumps", alias="production", version="3")
    stage = {"name": "lumps", "version": "3", "stage": "production"}
    moved = client.post("model-versions/transition-stage", **stage)["model_version"]
    assert (moved["current_stage"], moved["aliases"]) == ("Production", ["production"])
    assert refused_alias(clinic, 3)[0] == 403, "the approval was for another name"
    standing = clinic.aliases.history(clinic.owner, "lumps").standing
    assert standing.aliases == {"champion": 1, "production": 3}
    assert standing.stages == {"Production": (3,)}


def test_an_approved_release_of_the_version_is_an_approval(clinic: Workspace) -> None:
    (waiting,) = clinic.people.open_approvals(clinic.owner)
    clinic.people.decide(Actor(name="rita"), waiting.id, True, "yes")
    Client(clinic).post("registered-models/alias", name="lumps", alias="champion", version="3")
    assert champion(clinic) == 3


def test_an_approval_dies_with_the_plan(clinic: Workspace) -> None:
    approve(clinic, "production")
    plan = clinic.plans.current(clinic.owner).plan
    objective = replaced(plan.project, objective="Something else")
    clinic.plans.adopt(clinic.owner, replaced(plan, project=objective))
    message = refused_alias(clinic, 3, "production")[2]
    assert "lumps@3 has no verdict under plan 2" in message and "(trueup check lumps@3)" in message


ROUTES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "delete the alias": ("DELETE", "registered-models/alias", {"alias": "champion"}),
    "delete the version": ("DELETE", "model-versions/delete", {"version": "1"}),
    "delete the model": ("DELETE", "registered-models/delete", {}),
    "rename the model": ("POST", "registered-models/rename", {"new_name": "bumps"}),
    "stage": ("POST", "model-versions/transition-stage", {"version": "2", "stage": "Production"}),
    "stage and archive": (
        *("POST", "model-versions/transition-stage"),
        {"version": "3", "stage": "PRODUCTION", "archive_existing_versions": True},
    ),
}


@pytest.mark.parametrize("route", ROUTES)
def test_no_other_route_of_the_clients_moves_it(clinic: Workspace, route: str) -> None:
    method, path, body = ROUTES[route]
    status, name, message = Client(clinic).refused(method, path, json={"name": "lumps", **body})
    assert (status, name) == (403, "PERMISSION_DENIED"), message
    assert "(trueup " in message
    assert champion(clinic) == 1
    assert clinic.models.show(clinic.owner, "lumps", "champion").version == 1
    assert {v.stage for v in clinic.models.versions(clinic.owner, "lumps")} == {""}


def test_the_last_version_does_not_leave_a_protected_stage(clinic: Workspace) -> None:
    approve(clinic, "Production")
    client = Client(clinic)
    move = {"name": "lumps", "version": "3"}
    client.post("model-versions/transition-stage", **move, stage="Production")
    for stage in ("None", "Archived", "Staging"):
        body = {**move, "stage": stage}
        assert client.refused("POST", "model-versions/transition-stage", json=body)[0] == 403
    assert client.refused("DELETE", "model-versions/delete", json=move)[0] == 403


def test_a_copy_under_the_name_brings_no_evidence_of_its_own(clinic: Workspace) -> None:
    client = Client(clinic)
    client.post("model-versions/create", name="lumps", source="s3://bucket/model")
    status, _, message = refused_alias(clinic, 4)
    assert status == 403 and "The files of lumps@4 are at s3://bucket/model" in message
    with pytest.raises(GateFailedError, match="where this server does not look"):
        clinic.gates.judge(clinic.owner, "lumps", "4")


def test_a_prompt_never_becomes_a_model_with_its_aliases(clinic: Workspace) -> None:
    client = Client(clinic)
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    client.post("registered-models/create", name="greeting", tags=tags)
    client.post("model-versions/create", name="greeting", source="dummy-source", tags=tags)
    client.post("registered-models/alias", name="greeting", alias="champion", version="1")
    body = {"name": "greeting", "key": "mlflow.prompt.is_prompt"}
    assert client.refused("DELETE", "registered-models/delete-tag", json=body)[0] == 400
    body = {"name": "greeting", "source": "s3://bucket/model"}
    assert client.refused("POST", "model-versions/create", json=body)[0] == 400


def test_what_is_released_is_not_deleted(clinic: Workspace) -> None:
    body = {"name": "lumps", "version": "3"}
    status, _, message = Client(clinic).refused("DELETE", "model-versions/delete", json=body)
    assert status == 400 and "release:clinic@2 stands on it" in message


def test_other_aliases_move_freely(clinic: Workspace) -> None:
    for number in ("2", "1"):
        Client(clinic).post(
            "registered-models/alias", name="lumps", alias="challenger", version=number
        )
    assert clinic.models.aliases(clinic.owner, "lumps")["challenger"] == 1


def test_the_plan_names_what_is_protected(clinic: Workspace) -> None:
    plan = clinic.plans.current(clinic.owner).plan
    process = replaced(plan.process, protected=("best",))
    clinic.plans.adopt(clinic.owner, replaced(plan, process=process))
    assert refused_alias(clinic, 1, "best")[0] == 403
    Client(clinic).post("registered-models/alias", name="lumps", alias="champion", version="2")
    assert champion(clinic) == 2


def test_only_who_gives_roles_drops_a_protection(clinic: Workspace) -> None:
    plan = clinic.plans.current(clinic.owner).plan
    looser = replaced(plan, process=replaced(plan.process, protected=()))
    with pytest.raises(DeniedError):
        clinic.plans.adopt(Actor(name="rita"), looser)


def test_our_own_verbs_refuse_as_well(clinic: Workspace) -> None:
    with pytest.raises(GateFailedError):
        clinic.aliases.set(clinic.owner, "lumps", "champion", 2)
    with pytest.raises(DeniedError):
        clinic.aliases.remove(clinic.owner, "lumps", "champion")


def test_without_a_plan_nothing_protected_moves(client: Client) -> None:
    client.post("registered-models/create", name="trees")
    client.post("model-versions/create", name="trees", source="s3://b/m")
    body = {"name": "trees", "alias": "champion", "version": "1"}
    status, name, message = client.refused("POST", "registered-models/alias", json=body)
    assert (status, name) == (403, "PERMISSION_DENIED") and "(trueup plan adopt)" in message
