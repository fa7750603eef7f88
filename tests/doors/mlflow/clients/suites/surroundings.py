"""What all suites use: a plug-in, since our own pytest would load a conftest.py as well.

They are run by the interpreter of an MLflow client, not by ours.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[Any]) -> None:
    if int(version("mlflow").partition(".")[0]) < 3:
        for item in items:
            if item.get_closest_marker("client_3"):
                item.add_marker(pytest.mark.skip(reason="client 2.x cannot do this"))


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "client_3: what only clients 3.x can do")


@pytest.fixture(scope="module", autouse=True)
def _server(request: pytest.FixtureRequest) -> Iterator[None]:
    """The server that a suite names as SERVER, instead of the usual one."""
    import mlflow

    usual = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(getattr(request.module, "SERVER", usual))
    yield
    mlflow.set_tracking_uri(usual)


@pytest.fixture
def experiment() -> Iterator[str]:
    """An experiment of this test alone, which is the active one; nothing stays switched on."""
    import mlflow

    chosen = mlflow.set_experiment(f"x-{uuid.uuid4().hex[:8]}")
    yield chosen.experiment_id
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return f"n-{uuid.uuid4().hex[:8]}"
