"""Users and roles with the clients' own AuthServiceClient, at the server SIGNING.

OWNERS is the token of an owner.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

# The client lies in the package of MLflow's own server, which wants Flask-WTF and an older
# SQLAlchemy as soon as it is imported; the client needs neither.
package = ModuleType("mlflow.server.auth")
package.__path__ = [str(Path(mlflow.__file__).parent / "server" / "auth")]
sys.modules["mlflow.server.auth"] = package

from mlflow.server.auth.client import AuthServiceClient

SERVER = os.environ["SIGNING"]
IS_NEW = mlflow.__version__.startswith("3.")
SECRET = "correct horse battery"
NAME = f"anna-{mlflow.__version__}"


def speak(monkeypatch: pytest.MonkeyPatch, name: str = "", password: str = "") -> AuthServiceClient:
    """A client that speaks for the owner, or for somebody with a password."""
    given = {"USERNAME": name, "PASSWORD": password, "TOKEN": "" if name else os.environ["OWNERS"]}
    for variable, value in given.items():
        whole = f"MLFLOW_TRACKING_{variable}"
        monkeypatch.setenv(whole, value) if value else monkeypatch.delenv(whole, False)
    return AuthServiceClient(SERVER)


def refused(ask: object, *words: object) -> str:
    with pytest.raises(MlflowException) as error:
        ask(*words)  # type: ignore[operator]
    return str(error.value.error_code)


def test_users_come_sign_in_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = speak(monkeypatch)
    made = owner.create_user(NAME, SECRET)
    assert (made.username, made.is_admin) == (NAME, False)
    assert owner.get_user(NAME).id == made.id
    assert refused(owner.create_user, NAME, SECRET) == "RESOURCE_ALREADY_EXISTS"
    owner.update_user_password(NAME, "another battery")
    owner.update_user_admin(NAME, True)
    assert owner.get_user(NAME).is_admin
    owner.update_user_admin(NAME, False)

    speak(monkeypatch, NAME, "another battery")
    assert MlflowClient().search_experiments()
    assert refused(mlflow.create_experiment, "hers") == "PERMISSION_DENIED"

    owner = speak(monkeypatch)
    if IS_NEW:
        see_roles(owner, made.id)
        speak(monkeypatch, NAME, "another battery")
        assert mlflow.create_experiment(f"of {NAME}")  # as a scientist
        mine = speak(monkeypatch, NAME, "another battery")
        assert refused(mine.update_user_password, NAME, SECRET) == "INVALID_PARAMETER_VALUE"
        mine.update_user_password(NAME, SECRET, current_password="another battery")
        mine = speak(monkeypatch, NAME, SECRET)
        assert refused(mine.update_user_admin, NAME, True) == "PERMISSION_DENIED"
        owner = speak(monkeypatch)
    else:
        see_permissions(owner)
    owner.delete_user(NAME)
    assert refused(owner.get_user, NAME) == "RESOURCE_DOES_NOT_EXIST"


def see_roles(owner: AuthServiceClient, number: int) -> None:
    roles = {role.name: role for role in owner.list_roles("default")}
    assert [*roles] == ["owner", "scientist", "reviewer", "operator", "viewer"]
    assert len(owner.list_all_roles()) == 5
    scientist = roles["scientist"].id
    assert owner.get_role(scientist).name == "scientist"
    assert owner.assign_role(NAME, scientist).user_id == number
    assert [role.name for role in owner.list_user_roles(NAME)] == ["scientist", "viewer"]
    assert number in [each.user_id for each in owner.list_role_users(scientist)]
    owner.unassign_role(NAME, roles["viewer"].id)
    granted = {(p.resource_type, p.permission) for p in owner.list_role_permissions(scientist)}
    assert ("experiment", "EDIT") in granted
    found = owner.get_user_permission(NAME, "registered_model", "trees")
    assert (found.allowed, found.permission) == (True, "EDIT")
    for refusal in (
        refused(owner.create_role, "default", "root"),
        refused(owner.update_role, scientist, "root"),
        refused(owner.delete_role, scientist),
        refused(owner.add_role_permission, scientist, "experiment", "*", "MANAGE"),
        refused(owner.grant_user_permission, NAME, "experiment", "0", "EDIT"),
        refused(owner.revoke_user_permission, NAME, "experiment", "0"),
    ):
        assert refusal == "INVALID_PARAMETER_VALUE"


def see_permissions(owner: AuthServiceClient) -> None:
    assert owner.get_experiment_permission("0", NAME).permission == "READ"
    assert owner.get_registered_model_permission("trees", NAME).permission == "READ"
    for refusal in (
        refused(owner.create_experiment_permission, "0", NAME, "EDIT"),
        refused(owner.update_experiment_permission, "0", NAME, "EDIT"),
        refused(owner.delete_experiment_permission, "0", NAME),
        refused(owner.create_registered_model_permission, "trees", NAME, "EDIT"),
        refused(owner.update_registered_model_permission, "trees", NAME, "EDIT"),
        refused(owner.delete_registered_model_permission, "trees", NAME),
    ):
        assert refusal == "INVALID_PARAMETER_VALUE"
