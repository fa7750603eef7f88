"""Every route of every door declares a permission, and the permission is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.api.access import is_declared, permitted
from trueup.doors.web import application, failures
from trueup.foundation.actor import Actor

HOST = "trueup.local"


def handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """The real route table: every method of every address."""
    for route in app.routes:
        for method, found in cast(HTTPRoute, route).route_handler_map.items():
            handler = found[0] if isinstance(found, tuple) else found
            yield method, route.path, handler


def test_every_route_declares_a_permission(empty: Workspace) -> None:
    table = list(handlers(application.litestar(empty)))
    assert len(table) > 40
    # Litestar adds OPTIONS by itself and without a declaration: the guard denies it.
    forgotten = [f"{m} {p}" for m, p, h in table if not is_declared(h) and m != "OPTIONS"]
    assert not forgotten


def test_only_files_of_our_own_are_public(empty: Workspace) -> None:
    table = handlers(application.litestar(empty))
    assert {p for _, p, h in table if h.opt.get("permission") == "public"} == {"/static/{name:str}"}


def test_what_changes_something_demands_more_than_reading(empty: Workspace) -> None:
    for method, path, handler in handlers(application.litestar(empty)):
        if method not in ("GET", "HEAD", "OPTIONS"):
            assert handler.opt["permission"] not in ("read", "public"), path


def test_a_route_that_declares_nothing_is_denied_even_to_the_owner(empty: Workspace) -> None:
    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "secret"

    app = Litestar(
        [forgotten],
        guards=[permitted],
        exception_handlers={Exception: failures.handle},
        logging_config=None,
    )
    app.state.workspace, app.state.who = empty, lambda _: empty.owner
    with TestClient(app, base_url=f"http://{HOST}") as client:
        answer = client.get("/forgotten", headers={"accept": "application/json"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "route-without-permission"


@pytest.mark.parametrize("name", ["rita", "mallory"])
def test_each_request_speaks_for_the_actor_that_the_server_found(
    name: str, clinic: Workspace
) -> None:
    async def who(_connection: object) -> Actor:
        return Actor(name=name)

    app: Any = application.create(clinic, who=who, hosts=[HOST])
    with TestClient(app, base_url=f"http://{HOST}") as client:
        answer = client.get("/plan.json")
        assert answer.status_code == (200 if name == "rita" else 403)
        assert client.get("/static/style.css").status_code == 200
        back = client.post("/api/v1/deployments/clinic/roll-back", json={})
        assert back.status_code == 403
        assert back.json()["code"] == "permission-denied"


def test_options_are_denied(empty: Workspace) -> None:
    app: Any = application.create(empty, hosts=[HOST])
    with TestClient(app, base_url=f"http://{HOST}") as client:
        assert client.options("/api/v1/plan").status_code == 403
