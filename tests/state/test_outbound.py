"""What leaves this machine, leaves it safely."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from trueup.foundation.errors import BackendError, UsageError
from trueup.state import outbound
from trueup.state.outbound import Outbound


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest")
        else:
            self.send_response(200)
        size = (1 << 16) if self.path == "/long" else 2
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"1" * size)

    def log_message(self, *_parts: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_answer_comes_as_it_is(url: str) -> None:
    with Outbound() as http:
        answer = http.request("GET", url + "/x", query={"token": "abc"})
    assert (answer.status, answer.text, answer.json()) == (200, "11", 11)
    assert answer.url == url + "/x"  # what was asked for stays out of messages


def test_a_redirect_is_an_answer_and_nobody_follows_it(url: str) -> None:
    with Outbound() as http:
        assert http.request("GET", url + "/moved").status == 302


def test_an_endless_answer_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_MOST_BYTES", 1 << 12)
    with Outbound() as http, pytest.raises(BackendError, match="more than"):
        http.request("GET", url + "/long")


@pytest.mark.parametrize("address", ["ftp://host/", "host/path", "file:///etc/passwd", "https://"])
def test_only_services_are_asked(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a service"):
        Outbound().request("GET", address)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Outbound().request("GET", "https://ann:hunter2@ci.example.org/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("secret", ["login", "header"])
def test_no_secret_travels_in_the_open(secret: str) -> None:
    with pytest.raises(UsageError, match="in the open"):
        if secret == "login":
            Outbound().request("GET", "http://ci.example.org/", login=("ann", "token"))
        else:
            Outbound().request("GET", "http://ci.example.org/", headers={"Authorization": "x"})


def test_this_machine_and_allowed_hosts_need_no_tls(url: str) -> None:
    with Outbound() as http:
        assert http.request("GET", url, login=("ann", "token")).status == 200
    allowed = Outbound(plain=frozenset({"ci.invalid"}), seconds=0.5)
    with allowed, pytest.raises(BackendError, match="cannot be reached"):
        allowed.request("POST", "http://ci.invalid/", login=("ann", "token"))
