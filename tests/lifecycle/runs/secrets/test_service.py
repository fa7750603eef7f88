"""Secrets are kept in private files; the log names them and never their values."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, NotFoundError, UsageError
from trueup.lifecycle.pipeline import secrets as values
from trueup.lifecycle.runs.secrets.service import Secrets
from trueup.state.unit import State

CANARY = "canary-4f9a1c77e2"


@pytest.fixture
def secrets(state: State, tmp_path: Path) -> Secrets:
    return Secrets(state, tmp_path / ".trueup")


def test_a_secret_is_a_private_file(secrets: Secrets, scientist: Actor, tmp_path: Path) -> None:
    secrets.keep(scientist, "TOKEN", CANARY)
    file = tmp_path / ".trueup" / "secrets" / "TOKEN"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert values.value_of("TOKEN", tmp_path / ".trueup") == CANARY
    secrets.keep(scientist, "TOKEN", CANARY + "-2")
    assert [p.name for p in file.parent.iterdir()] == ["TOKEN"]
    assert values.value_of("TOKEN", tmp_path / ".trueup") == CANARY + "-2"


def test_the_event_names_the_secret_and_nothing_else(
    secrets: Secrets, state: State, scientist: Actor
) -> None:
    secrets.keep(scientist, "TOKEN", CANARY)
    secrets.remove(scientist, "TOKEN")
    with state.database.reading() as connection:
        rows = connection.exec_driver_sql("select * from events").fetchall()
    said = [str(tuple(row)) for row in rows]
    assert sum("secret.kept" in row for row in said) == 1
    assert sum("secret.removed" in row for row in said) == 1
    assert not any(CANARY in row for row in said)


def test_a_variable_comes_before_a_file(
    secrets: Secrets, scientist: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.keep(scientist, "TOKEN", CANARY)
    monkeypatch.setenv("TRUEUP_SECRET_TOKEN", "from-variable")
    monkeypatch.setenv("TRUEUP_SECRET_OTHER", "from-variable")
    assert values.value_of("TOKEN", tmp_path / ".trueup") == "from-variable"
    found = [(one.name, one.origin) for one in secrets.known(scientist)]
    assert found == [("OTHER", "variable"), ("TOKEN", "variable")]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("../TOKEN", CANARY, "secret-name"),
        ("A-B", CANARY, "secret-name"),
        ("", CANARY, "secret-name"),
        ("TOKEN", "short", "secret-short"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    secrets: Secrets, scientist: Actor, tmp_path: Path, name: str, value: str, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        secrets.keep(scientist, name, value)
    assert caught.value.code == code
    assert not (tmp_path / ".trueup" / "secrets").exists()


def test_what_is_not_there_cannot_be_removed(secrets: Secrets, scientist: Actor) -> None:
    secrets.keep(scientist, "TOKEN", CANARY)
    with pytest.raises(NotFoundError, match="Did you mean 'TOKEN'"):
        secrets.remove(scientist, "TOKN")


def test_a_viewer_keeps_no_secrets(secrets: Secrets, state: State, tmp_path: Path) -> None:
    with pytest.raises(DeniedError):
        secrets.keep(Actor(name="vera"), "TOKEN", CANARY)
    assert not (tmp_path / ".trueup" / "secrets").exists()
