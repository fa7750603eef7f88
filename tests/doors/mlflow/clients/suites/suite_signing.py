"""Signing in, with the variables that clients read, to the server at SIGNING.

VERAS is the token of a viewer, SAMS of a scientist.
"""

from __future__ import annotations

import os
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

SERVER = os.environ["SIGNING"]
NAMES = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def ask(
    monkeypatch: pytest.MonkeyPatch, *, token: str = "", name: str = "", password: str = ""
) -> list[Any]:
    for variable, value in zip(NAMES, (token, name, password), strict=True):
        monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable, False)
    return MlflowClient().search_experiments()


def test_a_token_or_a_name_with_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, token=os.environ["VERAS"])[0].name == "Default"
    assert ask(monkeypatch, name="vera", password=os.environ["VERAS"])[0].name == "Default"


def test_nothing_else_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = os.environ["VERAS"]
    for given in (
        {},
        {"token": "x"},
        {"token": f"{secret}x"},
        {"name": "olga", "password": secret},
        {"name": "vera", "password": "x"},
    ):
        with pytest.raises(MlflowException, match=r"401|UNAUTHENTICATED"):
            ask(monkeypatch, **given)


def test_what_a_role_does_not_allow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, token=os.environ["VERAS"])
    with pytest.raises(MlflowException) as refused:
        mlflow.create_experiment("hers")
    assert refused.value.error_code == "PERMISSION_DENIED"
    ask(monkeypatch, token=os.environ["SAMS"])
    his = mlflow.create_experiment("his")
    with mlflow.start_run(experiment_id=his) as run:
        mlflow.log_text("x", "a.txt")
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a.txt") == "x"
