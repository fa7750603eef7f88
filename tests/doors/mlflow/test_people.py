"""Users and roles over the wire: what our roles say truly, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from trueup.app.wiring import Workspace
from trueup.doors.mlflow import people
from trueup.doors.mlflow.application import guarded
from trueup.people.passwords import rules

from .conftest import Client

V3 = "http://localhost/api/3.0/mlflow"
SECRET = "correct horse battery"
ANNA = ("anna", SECRET)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that do not take a while."""
    monkeypatch.setattr(rules, "_COST", 16)


@pytest.fixture
def anna(client: Client) -> str:
    """Somebody whom the owner let in."""
    client.post("users/create", username="anna", password=SECRET)
    return "anna"


def levels(client: Client, name: str, kind: str) -> dict[str, Any]:
    query = {"username": name, "resource_type": kind, "resource_id": "x"}
    return client.get(f"{V3}/users/permissions/get", **query)


def test_a_user_reads_as_clients_of_both_versions_want_it(client: Client) -> None:
    made = client.post("users/create", username="anna", password=SECRET)["user"]
    assert client.get("users/get", username="anna")["user"] == made
    lists = {"experiment_permissions": [], "registered_model_permissions": []}
    assert made == {"id": made["id"], "username": "anna", "is_admin": False} | lists
    names = [each["username"] for each in client.get("users/list")["users"]]
    assert names == ["anna", "olga", "omar", "rita", "sam", "sasha", "vera"]
    assert client.get("users/current")["user"]["username"] == "olga"


def test_a_name_that_is_taken_or_unknown_is_told_as_clients_know_it(
    client: Client, anna: str
) -> None:
    body = {"username": anna, "password": SECRET}
    refused = client.refused("POST", "users/create", json=body)
    known = (400, "RESOURCE_ALREADY_EXISTS", "User (username=anna) already exists.")
    assert refused == known
    refused = client.refused("GET", "users/get", params={"username": "nobody"})
    assert refused == (404, "RESOURCE_DOES_NOT_EXIST", "User with username=nobody not found")


def test_roles_are_ours_and_are_given_and_taken(client: Client, anna: str) -> None:
    found = client.get(f"{V3}/roles/list", workspace="default")["roles"]
    numbers = {each["name"]: each["id"] for each in found}
    assert [*numbers] == ["owner", "scientist", "reviewer", "operator", "viewer"]
    assert client.get(f"{V3}/roles/list", workspace="elsewhere") == {"roles": []}
    scientist = numbers["scientist"]
    given = client.post(f"{V3}/roles/assign", username=anna, role_id=scientist)["assignment"]
    assert client.get(f"{V3}/roles/users/list", role_id=scientist)["assignments"][0] == given
    theirs = client.get(f"{V3}/users/roles/list", username=anna)["roles"]
    assert [each["name"] for each in theirs] == ["scientist", "viewer"]
    body = {"username": anna, "role_id": scientist}
    assert client.ask("DELETE", f"{V3}/roles/unassign", json=body).status_code == 200
    assert levels(client, anna, "experiment") == {"allowed": False, "permission": "READ"}
    assert client.refused("GET", f"{V3}/roles/get", params={"role_id": 99})[0] == 404


@pytest.mark.parametrize(
    ("name", "kind", "permission"),
    [
        *(("olga", kind, "MANAGE") for kind in ("experiment", "prompt", "workspace")),
        *(("sam", kind, "EDIT") for kind in ("experiment", "registered_model", "trace")),
        ("sam", "workspace", "USE"),
        *(("vera", kind, "READ") for kind in ("experiment", "registered_model", "prompt")),
        *((name, "workspace", "NO_PERMISSIONS") for name in ("vera", "rita", "omar")),
    ],
)
def test_what_a_user_may_is_told_truly(
    client: Client, name: str, kind: str, permission: str
) -> None:
    allowed = permission in ("USE", "EDIT", "MANAGE")
    assert levels(client, name, kind) == {"allowed": allowed, "permission": permission}


def test_older_clients_are_told_the_same(client: Client) -> None:
    query = {"username": "sam"}
    found = client.get("experiments/permissions/get", experiment_id="0", **query)
    assert found["experiment_permission"]["permission"] == "EDIT"
    found = client.get("registered-models/permissions/get", name="trees", **query)
    assert found["registered_model_permission"]["permission"] == "EDIT"


def test_all_that_a_user_may_is_a_list(client: Client) -> None:
    found = client.get(f"{V3}/users/permissions/list", username="vera")
    assert found["is_admin"] is False
    rows = {(row["resource_type"], row["permission"]) for row in found["permissions"]}
    assert rows == {("experiment", "READ"), ("registered_model", "READ"), ("prompt", "READ")}
    assert client.get(f"{V3}/users/current/permissions")["is_admin"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", f"{V3}/users/permissions/{verb}") for verb in ("grant", "revoke")),
        ("POST", "experiments/permissions/create"),
        ("DELETE", "registered-models/permissions/delete"),
        ("POST", f"{V3}/roles/create"),
        ("POST", f"{V3}/roles/permissions/add"),
    ],
)
def test_what_our_roles_cannot_say_is_refused_with_the_reason(
    client: Client, method: str, path: str
) -> None:
    body = {"username": "vera", "resource_type": "experiment", "permission": "EDIT"}
    status, name, message = client.refused(method, path, json=body)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert "roles/assign" in message
    assert "scientist (2)" in message


def test_an_owner_is_made_and_unmade(client: Client, anna: str) -> None:
    for is_admin in (True, False):
        body = {"username": anna, "is_admin": is_admin}
        assert client.ask("PATCH", "users/update-admin", json=body).status_code == 200
        assert client.get("users/get", username=anna)["user"]["is_admin"] is is_admin
    status, _, message = client.refused(
        "PATCH", "users/update-admin", json={"username": "olga", "is_admin": False}
    )
    assert (status, "nobody else is an owner" in message) == (400, True)


def test_nobody_but_an_owner_changes_people(workspace: Workspace, anna: str) -> None:
    client = Client(workspace)
    client.transport = httpx.ASGITransport(
        app=guarded(workspace, entrance=workspace.entrance(is_required=True))
    )
    assert client.ask("GET", "users/list").status_code == 401
    for method, path, body in (
        ("POST", "users/create", {"username": "otto", "password": SECRET}),
        ("PATCH", "users/update-admin", {"username": "anna", "is_admin": True}),
        ("PATCH", "users/update-password", {"username": "olga", "password": SECRET}),
        ("DELETE", "users/delete", {"username": "vera"}),
        ("POST", f"{V3}/roles/assign", {"username": "anna", "role_id": 1}),
        ("POST", f"{V3}/roles/create", {"name": "root"}),
        ("POST", f"{V3}/users/permissions/grant", {"username": "anna"}),
        ("POST", "webhooks", {"name": "x", "url": "https://example.org"}),
        ("GET", "webhooks", {}),
    ):
        reply = client.ask(method, path, json=body or None, auth=ANNA)
        assert (path, reply.status_code, reply.json()["error_code"]) == (
            path,
            403,
            "PERMISSION_DENIED",
        )
    body = {"username": "anna", "password": "another battery", "current_password": SECRET}
    assert client.ask("PATCH", "users/update-password", json=body, auth=ANNA).status_code == 200
    signed = {"params": {"username": "anna"}, "auth": ("anna", "another battery")}
    assert client.ask("GET", "users/get", **signed).status_code == 200


def test_every_role_of_ours_has_a_number_and_a_meaning() -> None:
    from trueup.people.rules import ROLES

    assert [people.role(name)["id"] for name in ROLES] == [1, 2, 3, 4, 5]
    assert all(people.role(name)["description"] for name in ROLES)
