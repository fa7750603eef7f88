"""A browser without a browser: real requests to the whole application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.web.application import create

HOST = "trueup.local"


@pytest.fixture
def browse() -> Iterator[Callable[[Workspace], TestClient[Any]]]:
    """Opens a project in a browser that speaks for its owner."""
    with ExitStack() as stack:

        def open_(workspace: Workspace) -> TestClient[Any]:
            app: Any = create(workspace, hosts=[HOST])
            client = TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False)
            client.headers["accept"] = "text/html"
            return stack.enter_context(client)

        yield open_
