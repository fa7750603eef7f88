"""A real server process over real HTTP: killed, drained, orphaned, out of disk, swapped."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from trueup.lifecycle.serving.journal.folder import recover, segments

from ..processes import SCRIPT, Asking, Process, journaled, until

pytestmark = pytest.mark.slow


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
    status, told = server.ask()  # room may have come back meanwhile, in a fresh segment
    assert status == 200 or told["code"] == "journal-failed"
    server.process.kill()
    server.end()
    recover(folder)
    assert all(len(segment.read()) <= 20_000 for segment in segments(folder))
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
