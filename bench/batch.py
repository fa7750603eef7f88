"""Rows a second and memory of `trueup predict` and `mlflow models predict`, in one run.

    python bench/batch.py [--rows N] [--rounds N]

The scikit-learn pipeline of the serving bench with 30 inputs, the same CSV for both; ours once
more from Parquet, and with the journal of a deployment on. MLflow runs in its own environment,
without building one for the model. Writes the section "Batch" of bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import peers
import polars as pl
import serving
from results import write_section
from servers import PEER

_SAVE = (
    "import sys, joblib, mlflow.sklearn;"
    "mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2],"
    " serialization_format='cloudpickle')"
)


class Cost(NamedTuple):
    """What a process took: seconds, seconds of processor, mebibytes at most."""

    wall: float
    cpu: float
    memory: float


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=3)
    told = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        serving.prepare(place)
        random = np.random.default_rng(1)
        table = pl.DataFrame({name: random.normal(size=told.rows) for name in serving.INPUTS})
        table.write_csv(place / "rows.csv")
        table.write_parquet(place / "rows.parquet")
        saved = [peers.mlflow(), "-c", _SAVE, str(place / "model.joblib"), str(place / "saved")]
        subprocess.run(saved, check=True, env=PEER, capture_output=True)
        costs: dict[str, list[Cost]] = {}
        for number in range(told.rounds):
            for name, command in _commands(place, number).items():
                costs.setdefault(name, []).append(_cost(command, place / "project"))
                print(number, name, costs[name][-1], flush=True)
    write_section("Batch", _lines(told.rows, costs))


def _commands(place: Path, number: int) -> dict[str, list[str]]:
    ours = [*serving.trueup(), "predict"]
    out = [f"{place}/out-{number}-{kind}.{kind}" for kind in ("csv", "parquet")]
    theirs = [peers.mlflow(), "-m", "mlflow", "models", "predict", "-m", f"{place}/saved"]
    theirs += ["-i", f"{place}/rows.csv", "-o", f"{place}/theirs.csv", "-t", "csv"]
    wide = ["--input", f"{place}/rows.parquet", "--output", out[1]]
    return {
        "MLflow, CSV": [*theirs, "--env-manager", "local"],
        "Trueup, CSV": [*ours, "sklearn@1", "--input", f"{place}/rows.csv", "--output", out[0]],
        "Trueup, Parquet": [*ours, "sklearn@1", *wide],
        "Trueup, Parquet, recorded": [*ours, "deployment:sklearn", *wide[:-1], out[1] + ".parquet"],
    }


def _cost(command: list[str], folder: Path) -> Cost:
    environment = PEER if "mlflow" in command else os.environ
    began = time.perf_counter()
    with (folder.parent / "words").open("wb") as words:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=words, stderr=words)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command}\n{(folder.parent / 'words').read_text()[-2000:]}")
    wall = time.perf_counter() - began
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _lines(rows: int, costs: dict[str, list[Cost]]) -> list[str]:
    middle = {
        name: Cost(*(median(each) for each in zip(*found, strict=True)))
        for name, found in costs.items()
    }
    theirs = middle["MLflow, CSV"]
    lines = [
        f"{rows:,} rows of 30 numbers; the middle of {len(costs['MLflow, CSV'])} calls, each a",
        "process of its own from start to end.",
        "",
        "| | rows/s | seconds | CPU seconds | memory at most | against MLflow: time, CPU |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {name} | {rows / cost.wall:,.0f} | {cost.wall:.1f} | {cost.cpu:.1f} "
        f"| {cost.memory:,.0f} MiB | {theirs.wall / cost.wall:.1f} ×, "
        f"{theirs.cpu / cost.cpu:.1f} × |"
        for name, cost in middle.items()
    ]


if __name__ == "__main__":
    main()
