"""Real servers in processes of their own, and clients that ask them."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.records import Predictions

SCRIPT = Path(__file__).with_name("real_server.py")
BODY = json.dumps({"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]}]})


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
