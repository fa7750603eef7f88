"""Drift beside Evidently: two Parquet files of a million rows and 25 columns, the same in memory.

Writes the section "Drift" of bench/RESULTS.md: times, peak memory, the largest difference of the
numbers of `--rules evidently` from Evidently's own, and how often unchanged data raises an alarm.
The first call installs Evidently into build/evidently. Evidently takes one to two minutes a run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import peers
import polars as pl
from data import TRUEUP, weigh
from results import write_section

from trueup.lifecycle.gates.drift import comparing, tables

EVIDENTLY = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
before, now = (pd.read_parquet(path) for path in sys.argv[1:3])
started = time.perf_counter(), time.process_time()
found = Report([DataDriftPreset()]).run(now, before).dict()
seconds = time.perf_counter() - started[0], time.process_time() - started[1]
scores = {m["config"]["column"]: [m["config"]["method"], float(m["value"])]
          for m in found["metrics"] if "column" in m["config"]}
json.dump({"seconds": seconds, "scores": scores}, open(sys.argv[3], "w"))
"""
OURS = """
import json, sys, time
import polars as pl
import trueup
before, now = (pl.read_parquet(path) for path in sys.argv[1:3])
trueup.drift
started = time.perf_counter(), time.process_time()
trueup.drift(before, now)
seconds = time.perf_counter() - started[0], time.process_time() - started[1]
json.dump({"seconds": seconds}, open(sys.argv[3], "w"))
"""


def mixed(rows: int, seed: int, shift: float) -> pl.DataFrame:
    """Numbers of many shapes, with gaps, counts, words, truths: 25 columns, one of them moved."""
    rng = np.random.default_rng(seed)
    found: dict[str, object] = {
        f"normal{i}": rng.normal(shift if i == 3 else 0, 1, rows) for i in range(10)
    }
    found |= {f"amount{i}": rng.lognormal(3, 1, rows) for i in range(3)}
    for i in range(2):
        values = rng.normal(size=rows)
        values[rng.random(rows) < 0.05] = np.nan
        found[f"gaps{i}"] = values
    found |= {f"count{i}": rng.poisson(5 + 20 * i, rows) for i in range(3)}
    for i in range(5):
        names = np.array([f"word {k}" for k in range(3 + i * 9)])
        found[f"word{i}"] = names[rng.integers(0, names.size, rows)]
    return pl.DataFrame(found | {"flag": rng.random(rows) < 0.3, "rate": rng.integers(1, 6, rows)})


def small(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pl.DataFrame:
    """Twenty columns as they come: heavy tails, gaps, zeros, rare truths, long tails of words."""
    found: dict[str, object] = {
        f"normal{i}": rng.normal(shift if i == 1 else 0, 1, rows) for i in range(4)
    }
    found |= {f"amount{i}": rng.lognormal(3, 1, rows) for i in range(2)}
    values = rng.normal(size=rows)
    values[rng.random(rows) < 0.08] = np.nan
    found |= {"heavy": rng.standard_t(2, rows), "gaps": values}
    found["zeros"] = np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(5, rows))
    found |= {"count": rng.poisson(4, rows), "rating": rng.integers(1, 6, rows)}
    found |= {"flag": rng.random(rows) < 0.2, "rare": rng.random(rows) < 0.004}
    found["uniform"] = rng.random(rows)
    for i, names in enumerate((3, 12, 60, 400)):
        shares = 1 / np.arange(1, names + 1)
        drawn = rng.choice(names, rows, p=shares / shares.sum())
        found[f"word{i}"] = pl.Series([f"word {k}" for k in range(names)]).gather(drawn)
    found["id"] = pl.Series([str(k) for k in rng.integers(0, 10**12, rows)])
    return pl.DataFrame(found | {"many": rng.integers(0, 3000, rows)})


def alarms(runs: int, seed: int) -> tuple[float, float]:
    """Shares of comparisons with an alarm: of unchanged data, and rightly of one moved column."""
    rng = np.random.default_rng(seed)
    false = right = 0
    for _ in range(runs):
        sizes = np.exp(rng.uniform(np.log(50), np.log(5000), 2)).round().astype(int)
        false += bool(changed(small(rng, sizes[0]), small(rng, sizes[1])))
    for number in range(runs):
        before = small(rng, 5000 if number % 2 else 1000)
        right += "normal1" in changed(before, small(rng, 1000, 0.3))
    return false / runs, right / runs


def changed(before: pl.DataFrame, now: pl.DataFrame) -> Sequence[str]:
    """The columns that are said to have changed."""
    return comparing.compare(tables.of_frame(before, "a"), tables.of_frame(now, "b")).changed


def parity(before: Path, now: Path, theirs: dict[str, list[object]]) -> float:
    """The largest difference between Evidently's numbers and ours; all choices must be the same."""
    command = [TRUEUP, "drift", str(before), str(now), "--rules", "evidently", "--json"]
    ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    found = {column["name"]: column for column in ours["columns"] if column["test"]}
    assert found.keys() == theirs.keys(), found.keys() ^ theirs.keys()
    for name, (test, _) in theirs.items():
        assert found[name]["test"] == test, (name, test)
    return max(abs(found[name]["score"] - float(str(score))) for name, (_, score) in theirs.items())


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3, help="of ours; Evidently runs once")
    options.add_argument("--runs", type=int, default=1_000, help="unchanged pairs")
    chosen = options.parse_args()
    theirs = peers.evidently()
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder:
        base = Path(folder)
        paths = base / "before.parquet", base / "now.parquet"
        for number, path in enumerate(paths):
            mixed(chosen.rows, number, 0.1 * number).write_parquet(path)
        said = base / "said.json"
        files = [str(path) for path in paths]
        weigh([TRUEUP, "drift", *files, "--json"], base)  # the bytes are in memory from here on
        whole, inside = [], []
        for _ in range(chosen.rounds):
            whole.append(weigh([TRUEUP, "drift", *files, "--json"], base))
            weigh([sys.executable, "-c", OURS, *files, str(said)], base)
            inside.append(json.loads(said.read_text())["seconds"])
        peer = weigh([theirs, "-c", EVIDENTLY, *files, str(said)], base)
        found = json.loads(said.read_text())
        differs = [parity(*paths, found["scores"])]
        few = base / "few-before.parquet", base / "few-now.parquet"
        for number, path in enumerate(few):
            mixed(1_000 - 100 * number, number, 0.1 * number).write_parquet(path)
        weigh([theirs, "-c", EVIDENTLY, *map(str, few), str(said)], base)
        differs.append(parity(*few, json.loads(said.read_text())["scores"]))
    ours = statistics.median(seconds for seconds, _ in whole), max(peak for _, peak in whole)
    memory = [statistics.median(each[place] for each in inside) for place in (0, 1)]
    began = time.perf_counter()
    false, right = alarms(chosen.runs, 1)
    took = time.perf_counter() - began
    rows = f"2 x {chosen.rows:,} rows x 25 columns"
    lines = [
        f"{rows}; ours is the median of {chosen.rounds} processes, Evidently 0.7.23 ran once, all "
        "alone. Exact statistics of every row on both sides.",
        "",
        "| Work | Trueup | Evidently | ratio | Budget |",
        "|---|---|---|---|---|",
        f"| two Parquet files, whole processes | {ours[0]:.2f} s | {peer[0]:.1f} s | "
        f"{peer[0] / ours[0]:.0f} | 60 |",
        f"| two frames in memory | {memory[0]:.2f} s | {found['seconds'][0]:.1f} s | "
        f"{found['seconds'][0] / memory[0]:.0f} | 100 |",
        f"| the same, processor time of all cores | {memory[1]:.2f} s | "
        f"{found['seconds'][1]:.1f} s | {found['seconds'][1] / memory[1]:.0f} | |",
        f"| peak memory, from files | {ours[1]:.0f} MiB | {peer[1]:.0f} MiB | "
        f"{peer[1] / ours[1]:.1f} | 3 |",
        "",
        "`--rules evidently` chooses Evidently's test for every column and differs from its "
        f"numbers by at most {differs[0]:.1e} ({chosen.rows:,} rows) and {differs[1]:.1e} (1,000 "
        "rows).",
        "",
        f"{chosen.runs:,} pairs of unchanged tables (20 columns, 50 to 5,000 rows): an alarm in "
        f"{100 * false:.1f} % (at most 5). One column of 20 moved by 0.3 deviations at 1,000 rows: "
        f"found and named in {100 * right:.1f} % of {chosen.runs:,} (at least 90). "
        f"{1000 * took / chosen.runs / 2:.0f} ms a comparison, drawing the rows included.",
    ]
    write_section("Drift", lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
