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
        body = b"1" * ((1 << 16) if self.path == "/long" else 2)
        if self.path == "/host":
            body = self.headers["Host"].encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


ODD = ("ftp://host/", "host/path", "file:///etc/passwd", "https://", "https://0177.0.0.1/")


@pytest.mark.parametrize("address", ODD)
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


# --- addresses that somebody else named


def test_only_allowed_private_hosts_are_asked(url: str) -> None:
    with Outbound(private=frozenset()) as http, pytest.raises(UsageError, match="no public"):
        http.request("GET", url + "/x")
    with Outbound(private=frozenset({"127.0.0.1"})) as http:
        assert http.request("GET", url + "/x").status == 200


def test_what_is_asked_is_the_address_that_was_checked(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address after the look-up leads nowhere else."""
    asked: list[str] = []

    def look_up(host: str) -> str:
        asked.append(host)
        return "127.0.0.1"  # let it be public

    monkeypatch.setattr(outbound, "public_address", look_up)
    port = url.rpartition(":")[2]
    with Outbound(private=frozenset()) as http:
        answer = http.request("GET", f"http://receiver.invalid:{port}/host")
    assert (answer.status, answer.text) == (200, f"receiver.invalid:{port}")
    assert asked == ["receiver.invalid"]
