"""The server answers for what is released, and for nothing that has no verdict in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.app.answering import Answering, open_answering
from trueup.foundation.errors import BackendError, GateFailedError, TrueupError

from .conftest import BREACH, Desk

Opened = Callable[[], Answering]


@pytest.fixture
def failures() -> list[tuple[str, Exception]]:
    """Which deployments could not be followed, and why."""
    return []


@pytest.fixture
def opened(desk: Desk, failures: list[tuple[str, Exception]]) -> Iterator[Opened]:
    """Opens the server of the project; it looks at the releases only when told to."""
    servers: list[Answering] = []

    def start() -> Answering:
        servers.append(
            open_answering(
                desk.workspace,
                on_failure=lambda name, error: failures.append((name, error)),
                every_s=3600,
            )
        )
        return servers[-1]

    yield start
    for server in servers:
        server.close()
        server.application.close()


def served(server: Answering) -> list[str]:
    return [arm.model_ref for route in server.application.serving().values() for arm in route.arms]


def test_what_is_live_is_served_at_once(desk: Desk, opened: Opened) -> None:
    assert served(opened()) == ["small@1"]


def test_a_canary_and_its_end_are_followed(desk: Desk, opened: Opened) -> None:
    server = opened()
    desk.pump()
    desk.decide()
    desk.pump()
    server.follower.refresh()
    assert served(server) == ["small@1", "small@2"]
    desk.workspace.releases.roll_back(desk.workspace.owner, "desk", BREACH)
    server.follower.refresh()
    assert served(server) == ["small@1"]


def test_without_a_verdict_for_the_plan_in_force_nothing_is_loaded(
    desk: Desk, opened: Opened, failures: list[tuple[str, Exception]]
) -> None:
    desk.adopt(("at_most = 0.3", "at_most = 0.29"))
    server = opened()
    assert served(server) == []
    ((name, error),) = failures
    assert isinstance(error, GateFailedError)
    assert (name, error.code) == ("desk", "verdict-missing")
    desk.pump()  # judges what is live by the new plan
    assert served(opened()) == ["small@1"]


def test_a_version_that_fails_the_plan_in_force_is_not_loaded(
    desk: Desk, opened: Opened, failures: list[tuple[str, Exception]]
) -> None:
    desk.adopt(("at_least = 0.6", "at_least = 0.99"))
    desk.pump()
    assert served(opened()) == []
    assert codes(failures) == {"gate-failed"}


def test_a_forged_verdict_loads_nothing(
    desk: Desk, opened: Opened, failures: list[tuple[str, Exception]]
) -> None:
    with desk.workspace.state.database.writing() as connection:
        connection.execute(sa.text("UPDATE verdicts SET signature = 'forged'"))
    assert served(opened()) == []
    assert codes(failures) == {"verdict-not-genuine"}


def test_a_damaged_model_is_not_loaded(
    desk: Desk, opened: Opened, failures: list[tuple[str, Exception]]
) -> None:
    manifest = desk.workspace.models.show(desk.workspace.owner, "small", "1").manifest
    path = desk.workspace.state.blobs.local_path(manifest.file)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert served(opened()) == []
    assert isinstance(failures[0][1], BackendError)


def codes(failures: list[tuple[str, Exception]]) -> set[Any]:
    return {error.code for _, error in failures if isinstance(error, TrueupError)}
