"""A real prediction server in a process of its own, for tests that kill it.

python real_server.py FOLDER [--port N] [--flip] [--file-bytes N] [--slow S]
    [--workers N] [--gone FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from trueup.foundation.errors import BackendError, TrueupError
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.following.follower import Follower
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.server.application import Application
from trueup.lifecycle.serving.server.fronts import Own
from trueup.lifecycle.serving.server.process import Stopping, serve
from trueup.lifecycle.serving.server.routing import NOBODY
from trueup.lifecycle.serving.workers.place import own_place
from trueup.lifecycle.serving.workers.supervising import supervise
from trueup.lifecycle.serving.workers.worker import serve as work

own_place_number = json.loads(os.environ.get("TRUEUP_WORKER", '{"index": 0}'))["index"]
SIGNATURE = Signature(inputs=(Column(name="x", kind="number"),))


class Flipping:
    """One model, or a new release every 20 ms."""

    def __init__(self, flip: bool, slow_s: float, gone: Path | None) -> None:
        self.gone = gone
        self.flip = flip
        self.slow_s = slow_s

    def routes(self) -> dict[str, Route]:
        number = 1 + int(time.monotonic() / 0.02) % 9 if self.flip else 1
        if self.gone is not None and self.gone.exists():
            number = 13
        arm = Arm(release=number, model_ref=f"m@{number}", weight=1.0)
        return {"late": Route(deployment="late", arms=(arm,), salt="s")}

    def load(self, model_ref: str, release: int, deployment: str = "") -> LoadedModel:
        if release == 13 and own_place_number == 1:
            raise BackendError("model-not-loadable", "The file of m@13 is damaged.")

        def predict(rows: pl.DataFrame) -> np.ndarray:
            time.sleep(self.slow_s)
            return rows["x"].fill_null(0.0).to_numpy() / 10

        return LoadedModel(model_ref, release, SIGNATURE, predict)

    def before(self, route: Route) -> Route | None:
        return None

    def seconds_to_load(self, deployment: str) -> float:
        return 60.0

    def served(self, deployment: str, arm: Arm, seconds: float, size: int) -> None:
        pass

    def refused(self, deployment: str, arm: Arm, error: TrueupError) -> None:
        pass


def told(name: str, error: Exception) -> None:
    sys.stderr.write(f"{name} {error}\n")


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--flip", action="store_true")
    options.add_argument("--file-bytes", type=int, default=0)
    options.add_argument("--slow", type=float, default=0.0)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--gone", type=Path)
    asked = options.parse_args()
    source = Flipping(asked.flip, asked.slow, asked.gone)
    if (place := own_place()) is not None:
        application = Application(Journal(asked.folder), authorize=lambda *_: NOBODY)
        work(application, source.load, place, Own)
        return 0
    if asked.workers > 1:
        supervise(
            [sys.executable, *sys.argv],
            asked.workers,
            lambda fleet: Follower(source, fleet, on_failure=told, every_s=0.01),
            port=asked.port,
            tell=lambda text: sys.stderr.write(text + "\n") and None,
            stopping=Stopping(when_stdin_closes=True),
        )
        return 0
    application = Application(Journal(asked.folder), authorize=lambda *_: NOBODY)
    if asked.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked.file_bytes, asked.file_bytes))
    follower = Follower(
        source,
        application,
        on_failure=told,
        every_s=0.01,
    )
    follower.refresh()
    follower.start()
    try:
        serve(
            application,
            lambda: Own(application),
            port=asked.port,
            stopping=Stopping(when_stdin_closes=True),
        )
    except TrueupError as error:
        sys.stderr.write(f"{error.code}\n")
        return error.exit_code
    finally:
        follower.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
