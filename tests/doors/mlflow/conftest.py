"""The door over a real project, asked over ASGI as a client would ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.doors.mlflow.application import guarded

PLAN = '[project]\nname = "tracked"\nobjective = "Show what is tracked"\n'
BASE = "http://localhost/api/2.0/mlflow"


class Client:
    """Asks the door; answers are status and JSON."""

    def __init__(self, workspace: Workspace) -> None:
        self.transport = httpx.ASGITransport(app=guarded(workspace))

    async def _ask(self, method: str, path: str, /, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self.transport) as client:
            url = path if path.startswith("http") else f"{BASE}/{path}"
            return await client.request(method, url, **more)

    def ask(self, method: str, path: str, /, **more: Any) -> httpx.Response:
        """One request as it is."""
        import asyncio

        return asyncio.run(self._ask(method, path, **more))

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        """The JSON that a request with a body is answered with; it must succeed."""
        return self._checked(self.ask("POST", path, json=body))

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        """The JSON that a request with a query is answered with; it must succeed."""
        return self._checked(self.ask("GET", path, params=query))

    def refused(self, method: str, path: str, /, **more: Any) -> tuple[int, str, str]:
        """Status, name and message of a request that is refused."""
        reply = self.ask(method, path, **more)
        said = reply.json()
        return reply.status_code, said["error_code"], said["message"]

    def _checked(self, reply: httpx.Response) -> dict[str, Any]:
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A project whose only content is its people."""
    (home.parent / "trueup.toml").write_text(PLAN)
    with open_workspace(home.parent) as opened:
        opened.__dict__["owner"] = opened.people.found("olga")
        yield opened


@pytest.fixture
def client(workspace: Workspace) -> Client:
    """Asks the door as the project's owner."""
    return Client(workspace)
