"""Which requests come in at all, and the headers that go out with every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.web import doorkeeper
from trueup.doors.web.doorkeeper import HEADERS, LOOPBACK
from trueup.foundation.errors import DeniedError, TrueupError, UsageError

Browse = Callable[[Workspace], TestClient[Any]]
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080", "[::1]"]
)
def test_the_names_of_this_machine_are_answered(host: str) -> None:
    doorkeeper.check_host(host, LOOPBACK)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "evil:localhost"]
)
def test_any_other_name_is_refused(host: str) -> None:
    with pytest.raises(DeniedError, match="does not answer to"):
        doorkeeper.check_host(host, LOOPBACK)


@pytest.mark.parametrize(
    "headers",
    [
        JSON,
        JSON | {"content-type": "application/json; charset=utf-8"},
        JSON | {"sec-fetch-site": "same-origin"},
        JSON | {"origin": "http://localhost:8080"},
    ],
)
def test_a_change_may_come_from_a_program_or_from_our_own_page(headers: dict[str, str]) -> None:
    doorkeeper.check_origin("POST", {"host": "localhost:8080"} | headers)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        (JSON | {"sec-fetch-site": "cross-site"}, DeniedError),
        (JSON | {"sec-fetch-site": "same-site"}, DeniedError),
        (JSON | {"origin": "http://evil.example"}, DeniedError),
        (JSON | {"origin": "http://localhost:9999"}, DeniedError),
        (JSON | {"origin": "null"}, DeniedError),
        ({"content-type": "application/x-www-form-urlencoded"}, UsageError),
        ({"content-type": "text/plain"}, UsageError),
        ({}, UsageError),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_change_that_another_site_could_cause_is_refused(
    method: str, headers: dict[str, str], error: type[TrueupError]
) -> None:
    with pytest.raises(error):
        doorkeeper.check_origin(method, {"host": "localhost:8080"} | headers)


def test_reading_needs_no_origin() -> None:
    doorkeeper.check_origin("GET", {"sec-fetch-site": "cross-site"})


@pytest.mark.parametrize(
    "path", ["/", "/plan.json", "/no-such-page", "/static/style.css", "/errors"]
)
def test_every_answer_carries_the_security_headers(
    path: str, empty: Workspace, browse: Browse
) -> None:
    answer = browse(empty).get(path)
    assert HEADERS.items() <= dict(answer.headers).items()
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_foreign_host_reads_nothing(empty: Workspace, browse: Browse) -> None:
    answer = browse(empty).get("/", headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "host-refused"
    assert HEADERS.items() <= dict(answer.headers).items()


def test_sockets_are_not_offered(empty: Workspace, browse: Browse) -> None:
    from litestar.exceptions import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), browse(empty).websocket_connect("/"):
        pass
