"""A server on a socket over a real project, and callers who ask it all the while."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trueup.backends.formats import _package
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.releases.orders import Orders
from trueup.lifecycle.serving.following.follower import Follower
from trueup.lifecycle.serving.following.outcomes import Outcome, Outcomes
from trueup.lifecycle.serving.following.registry import Registry
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.server.application import NOBODY, Application
from trueup.lifecycle.serving.server.fronts import Own
from trueup.lifecycle.serving.server.process import listen
from trueup.ports.code import Sources

from ....conftest import open_state
from ...conftest import AT, Shop, sample

MODE = "TRUEUP_TEST_MODEL"
"""How the code of the model `small@5` behaves; it is well when it is registered and judged."""
CODE = b"""
import os, time
import numpy as np

def mode():
    return os.environ.get("TRUEUP_TEST_MODEL", "")

def prepare(data):
    if mode() == "fails to load":
        raise RuntimeError("the weights are of another kind")
    if mode() == "slow":
        time.sleep(10)
    if mode() == "huge":
        raise MemoryError
    return None

def predict(rows, _):
    scores = 1 / (1 + np.exp(-2 * rows["a"].to_numpy()))
    if mode() == "gives NaN":
        return scores * float("nan")
    if mode() == "gives another shape":
        return np.zeros((len(rows), 3))
    if mode() == "gives other numbers":
        return scores * 0.99
    return scores
"""
RAW = _package.write(
    Sources("scoring:predict", {"scoring.py": CODE}), "scoring:prepare", {"none": b"-"}
)
BODY = json.dumps(
    {
        "inputs": [
            {"name": "a", "shape": [1], "datatype": "FP64", "data": [0.5]},
            {"name": "b", "shape": [1], "datatype": "INT64", "data": [1]},
        ],
        "outputs": [{"name": "release"}],
    }
)


class Live:
    """A server that follows the releases of a project, on a socket, and its callers."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop = shop
        self.place = "hall"
        self.told: list[tuple[str, str]] = []
        self.statuses: Counter[int] = Counter()
        self.releases: Counter[int] = Counter()
        self.models: Counter[str] = Counter()
        self.application = Application(Journal(folder), authorize=lambda *_: NOBODY)
        self.orders = Orders(folder.parent / "orders", shop.state.keys)
        self.follower = Follower(
            Registry(shop.state, self.orders), self.application, on_failure=self._tell, every_s=0.01
        )
        self._socket = listen("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._asking = threading.Event()
        self._callers: list[threading.Thread] = []

    def start(self) -> None:
        self.follower.refresh()
        self._thread.start()

    def release(self, version: int, place: str = "hall") -> None:
        """Release a version that was judged before."""
        shop = self.shop
        release = shop.releases.request(shop.sam, place, "small", str(version))
        shop.approve(release)
        shop.releases.start(shop.omar, place, release.number, AT)

    def ask(self) -> int:
        """The release that answers."""
        with self._connected() as connection:
            return self._ask(connection)

    def keep_asking(self, callers: int = 2) -> None:
        """Ask without a pause until `stop_asking`."""
        self._asking.set()
        self._callers = [threading.Thread(target=self._ask_on) for _ in range(callers)]
        for caller in self._callers:
            caller.start()

    def stop_asking(self) -> None:
        self._asking.clear()
        for caller in self._callers:
            caller.join()

    def outcomes(self, place: str = "hall") -> list[Outcome]:
        """The last words about releases of a place, once they are written."""
        for thread in threading.enumerate():
            if thread.name == "trueup-note":
                thread.join()
        return Outcomes(self.shop.state).of_deployment(self.shop.sam, place)

    def metrics(self) -> str:
        with self._connected() as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def close(self) -> None:
        self.stop_asking()
        self.follower.stop()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self.application.close()

    def _tell(self, name: str, error: Exception) -> None:
        self.told.append((name, getattr(error, "code", repr(error))))

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        front = Own(self.application)
        await front.open(self._socket)
        await self._over.wait()
        await front.close(5.0)
        self._socket.close()

    def _ask_on(self) -> None:
        with self._connected() as connection:
            while self._asking.is_set():
                self._ask(connection)

    def _connected(self) -> closing[http.client.HTTPConnection]:
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20))

    def _ask(self, connection: http.client.HTTPConnection) -> int:
        connection.request(
            "POST", f"/v2/models/{self.place}/infer", BODY, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        said: Any = json.loads(answer.read())
        self.statuses[answer.status] += 1
        release = int(said["outputs"][0]["data"][0]) if answer.status == 200 else -1
        self.models[said.get("parameters", {}).get("model", "")] += 1
        self.releases[release] += 1
        return release


@pytest.fixture(scope="module")
def _judged(_stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Path(shutil.copytree(_stocked, tmp_path_factory.mktemp("judged") / "home"))
    state = open_state(home)
    shop = Shop.over(state)
    shop.adopt(
        ("[[goals]]", '[process]\nruns_code = ["small"]\n\n[[goals]]'),
        (
            'strategy = "all-at-once"\n',
            'strategy = "all-at-once"\n[deployments.hall.loading]\nwithin = "1s"\n'
            '[deployments.try-out]\nmodel = "small@staging"\n',
        ),
    )
    code_version(shop)
    shop.begin(2, "hall")
    shop.judge(5)  # against that champion
    state.close()
    return home


def code_version(shop: Shop) -> ModelVersion:
    """A version that is code, as good as version 2."""
    run = shop.finish(RAW, sample(300, 1), sample(600, 2), format_="function")
    return shop.models.register(shop.sam, run)


@pytest.fixture
def live(_judged: Path, tmp_path: Path) -> Iterator[Live]:
    """A server that answers with `small@2`, release 1 of the place `hall`; `small@5` is judged."""
    state = open_state(Path(shutil.copytree(_judged, tmp_path / "home")))
    server = Live(Shop.over(state), tmp_path / "journal")
    server.start()
    yield server
    server.close()
    state.close()


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the code of `small@5` behave in another way from now on."""
    assert MODE not in os.environ
    return lambda mode: monkeypatch.setenv(MODE, mode)
