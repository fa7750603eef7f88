"""A receiver that stands where a web hook points, and does as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from trueup.app.wiring import Workspace, open_workspace

PLAN = '[project]\nname = "hooked"\nobjective = "Tell others"\n'
ALLOWED = '[webhooks]\nprivate_hosts = ["127.0.0.1"]\n'


class Receiver:
    """What came, in order; `answers` are given first, then 200."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], str]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.came.append((dict(self.headers), body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_parts: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def told(self) -> list[dict[str, Any]]:
        """The bodies that came."""
        return [json.loads(body) for _, body in self.came]

    def happenings(self) -> list[str]:
        """What they tell of."""
        return [f"{each['entity']}.{each['action']}" for each in self.told()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A project that lets web hooks point at this machine."""
    (home.parent / "trueup.toml").write_text(PLAN + ALLOWED)
    with open_workspace(home.parent) as opened:
        opened.__dict__["owner"] = opened.people.found("olga")
        yield opened
