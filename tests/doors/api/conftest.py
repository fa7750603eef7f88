"""A program that calls the API over real requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.web.application import create
from trueup.foundation.actor import Actor

HOST = "trueup.local"


class Speaker:
    """Who the next request speaks for; the owner at first."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def speaker(clinic: Workspace) -> Speaker:
    return Speaker(clinic.owner.name)


@pytest.fixture
def api(clinic: Workspace, speaker: Speaker) -> Iterator[TestClient[Any]]:
    """The API of the project that lived through everything."""

    async def who(_connection: object) -> Actor:
        return Actor(name=speaker.name)

    app: Any = create(clinic, who=who, hosts=[HOST])
    with TestClient(app, base_url=f"http://{HOST}/api/v1") as client:
        yield client
