"""A real server process over real HTTP: killed, drained, orphaned, out of disk, swapped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from trueup.lifecycle.serving.journal.folder import recover, segments
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.records import Predictions

SCRIPT = Path(__file__).parents[1] / "real_server.py"
BODY = json.dumps({"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]}]})

pytestmark = pytest.mark.slow


class Process:
    """A server that was started, and how to ask it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, folder, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONWARNINGS": "error"},
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.end()[1]
        self.port = int(json.loads(line)["listening"].rpartition(":")[2])

    @contextmanager
    def connect(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def ask(self, key: str = "") -> tuple[int, Any]:
        with self.connect() as connection:
            return ask(connection, key)

    def end(self) -> tuple[int, str]:
        """Exit code and stderr, once it has ended."""
        _, err = self.process.communicate(timeout=120)
        return self.process.returncode, err.decode()


@pytest.fixture
def launch(folder: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def launcher(*options: str) -> Process:
        started.append(Process(folder, *options))
        return started[-1]

    yield launcher
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


class Asking:
    """Clients that ask until the server is gone or they are told to stop."""

    def __init__(self, server: Process, clients: int) -> None:
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.releases: set[str] = set()
        self._stop = False
        self._server = server
        self._threads = [Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with self._server.connect() as connection:
            while not self._stop:
                try:
                    status, told = ask(connection)
                except (OSError, http.client.HTTPException, ValueError):
                    return
                self.statuses[status] += 1
                if status == 200:
                    self.acknowledged += told["outputs"][1]["data"]
                    self.releases.add(told["parameters"]["release"])


def ask(connection: http.client.HTTPConnection, key: str = "") -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    connection.request("POST", "/v2/models/late/infer", BODY, headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def journaled(folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for record, _ in read(folder):
        if isinstance(record, Predictions):
            found.update(f"{record.request}-{row}" for row in record.rows)
    return found


def test_kill_9_under_load_loses_and_doubles_no_acknowledged_prediction(
    launch: Callable[..., Process], folder: Path
) -> None:
    acknowledged: list[str] = []
    for seconds in (0.15, 0.4, 0.25):
        server = launch()
        asking = Asking(server, clients=6)
        until(lambda asking=asking: bool(asking.acknowledged))
        time.sleep(seconds)
        server.process.kill()
        asking.stop()
        assert set(asking.statuses) == {200}
        acknowledged += asking.acknowledged
    recover(folder)
    on_record = journaled(folder)
    assert len(acknowledged) > 100
    assert set(acknowledged) <= on_record.keys()
    assert set(on_record.values()) == {1}


def test_a_client_that_retries_after_kill_9_gets_what_is_on_record(
    launch: Callable[..., Process], folder: Path
) -> None:
    server = launch()
    keys = [f"k{number}" for number in range(50)]
    first = {key: server.ask(key)[1] for key in keys}
    server.process.kill()
    server.end()
    again = launch()
    assert {key: again.ask(key)[1] for key in keys} == first
    assert len(journaled(folder)) == 100


def test_a_full_disk_is_told_and_never_acknowledged(
    launch: Callable[..., Process], folder: Path
) -> None:
    server = launch("--file-bytes", "20000")
    asking = Asking(server, clients=4)
    time.sleep(0.8)
    asking.stop()
    assert set(asking.statuses) == {200, 503}
    status, told = server.ask()
    assert (status, told["code"]) == (503, "journal-failed")
    server.process.kill()
    server.end()
    (recovery,) = recover(folder)
    assert recovery.kept_bytes <= 20_000
    assert set(asking.acknowledged) <= journaled(folder).keys()


def test_swapping_models_under_load_fails_no_request(launch: Callable[..., Process]) -> None:
    server = launch("--flip")
    asking = Asking(server, clients=6)
    time.sleep(1.5)
    asking.stop()
    assert set(asking.statuses) == {200}
    assert len(asking.releases) > 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
def test_it_drains_when_told_or_when_its_parent_is_gone(
    launch: Callable[..., Process], folder: Path, how: signal.Signals | None
) -> None:
    server = launch("--slow", "0.2")
    replies: list[tuple[int, Any]] = []
    waiting = Thread(target=lambda: replies.append(server.ask()))
    waiting.start()
    time.sleep(0.1)
    if how is None:
        assert server.process.stdin
        server.process.stdin.close()
        server.process.stdin = None
    else:
        server.process.send_signal(how)
    code, err = server.end()
    waiting.join()
    assert (code, err) == (0, "")
    assert [status for status, _ in replies] == [200], "what was under way is finished"
    assert [segment.sealed for segment in segments(folder)] == [True]
    assert len(journaled(folder)) == 2


def test_a_port_in_use_is_a_usage_error(launch: Callable[..., Process], folder: Path) -> None:
    server = launch()
    second = subprocess.run(
        [sys.executable, SCRIPT, folder, "--port", str(server.port)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (second.returncode, second.stderr.strip()) == (2, "port-in-use")
    assert second.stdout == ""
    assert server.ask()[0] == 200


def test_real_http_clients_are_answered_and_bad_ones_do_no_harm(
    launch: Callable[..., Process],
) -> None:
    server = launch()
    with server.connect() as connection:
        for _ in range(2):  # on one connection
            connection.request("GET", "/v2/models/late")
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["name"]) == (200, "late")
        head(connection, length=1 << 30)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["code"]) == (413, "body-too-large")
    with server.connect() as half:
        head(half, length=100)
        half.send(b"half")
    assert server.ask()[0] == 200


def head(connection: http.client.HTTPConnection, length: int) -> None:
    connection.putrequest("POST", "/v2/models/late/infer")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
