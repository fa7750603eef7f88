"""A real server of ours in a process of its own, and small servers that break the contract."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from trueup.lifecycle.serving.checking.asking import Deployment
from trueup.state.outbound import Outbound

SCRIPT = Path(__file__).parents[1] / "real_server.py"
NAME = "late"

Behaviour = Callable[[str, bytes], tuple[int, Any]]


@pytest.fixture(scope="session")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server of ours listens."""
    with subprocess.Popen(
        [sys.executable, SCRIPT, tmp_path_factory.mktemp("journal")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stdin
        yield json.loads(process.stdout.readline())["listening"]
        process.stdin.close()


@pytest.fixture
def http() -> Iterator[Outbound]:
    with Outbound() as client:
        yield client


@pytest.fixture
def real(real_url: str, http: Outbound) -> Deployment:
    """The deployment of that server."""
    return Deployment(real_url, NAME, http)


def well_behaved(path: str, body: bytes) -> tuple[int, Any]:
    """What a server of the protocol answers, for one input `x`; scores are x / 10."""
    if not body:
        if path.startswith("/v2/models/") and NAME not in path:
            return 404, {"error": "there is no such model"}
        tensor = {"name": "score", "datatype": "FP64", "shape": [-1]}
        return 200, {
            **{"live": True, "ready": True, "name": NAME, "version": "1", "extensions": []},
            **{"inputs": [{**tensor, "name": "x"}], "outputs": [tensor]},
        }
    try:
        asked = json.loads(body, parse_constant=lambda _: 1 / 0)
        (tensor,) = asked["inputs"]
        values = [float(value) / 10 for value in tensor["data"]]
        assert tensor["name"] == "x" and tensor["datatype"] == "FP64"
        assert tensor["shape"] == [len(values)] != [0] and max(values) < 1e300
        assert all(isinstance(value, float | int) for value in tensor["data"])
    except (ValueError, KeyError, TypeError, AssertionError, ZeroDivisionError):
        return 400, {"error": "the request does not fit"}
    output = {"name": "score", "datatype": "FP64", "shape": [len(values)], "data": values}
    return 200, {"model_name": NAME, "id": asked.get("id"), "outputs": [output]}


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], str]]:
    """Starts servers that answer as a function says; gives their addresses."""
    started: list[ThreadingHTTPServer] = []

    def start(behave: Behaviour) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["content-length"])) or b" ")

            def _answer(self, body: bytes) -> None:
                status, said = behave(self.path, body)
                raw = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        started.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()
