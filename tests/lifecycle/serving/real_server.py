"""A real prediction server in a process of its own, for tests that kill it.

python real_server.py FOLDER [--port N] [--flip] [--file-bytes N] [--slow S]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from trueup.foundation.errors import TrueupError
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.following.follower import Follower
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.server.application import NOBODY, Application
from trueup.lifecycle.serving.server.fronts import Own
from trueup.lifecycle.serving.server.process import Stopping, serve

SIGNATURE = Signature(inputs=(Column(name="x", kind="number"),))


class Flipping:
    """One model, or a new release every 20 ms."""

    def __init__(self, flip: bool, slow_s: float) -> None:
        self.flip = flip
        self.slow_s = slow_s

    def routes(self) -> dict[str, Route]:
        number = 1 + int(time.monotonic() / 0.02) % 9 if self.flip else 1
        arm = Arm(release=number, model_ref=f"m@{number}", weight=1.0)
        return {"late": Route(deployment="late", arms=(arm,), salt="s")}

    def load(self, model_ref: str, release: int) -> LoadedModel:
        def predict(rows: pl.DataFrame) -> np.ndarray:
            time.sleep(self.slow_s)
            return rows["x"].fill_null(0.0).to_numpy() / 10

        return LoadedModel(model_ref, release, SIGNATURE, predict)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--flip", action="store_true")
    options.add_argument("--file-bytes", type=int, default=0)
    options.add_argument("--slow", type=float, default=0.0)
    asked = options.parse_args()
    if asked.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked.file_bytes, asked.file_bytes))
    application = Application(Journal(asked.folder), authorize=lambda *_: NOBODY)
    follower = Follower(
        Flipping(asked.flip, asked.slow),
        application,
        on_failure=lambda name, error: sys.stderr.write(f"{name} {error!r}\n"),
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
