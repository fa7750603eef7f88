"""What logging costs through our own client: a call of one value, and points a second at four.

Run: python bench/logged.py [--trackio PYTHON]. Ours goes into segments that survive kill -9.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CALLS = 200_000
ROUNDS = 5

OURS = """
import json, sys, time
import trueup
calls, rounds = int(sys.argv[1]), int(sys.argv[2])
run = trueup.run("bench", wait=0, capture=False)
found = {"one": [], "four": [], "one_cpu": [], "four_cpu": []}
for _ in range(rounds):
    cpu, wall = time.thread_time(), time.perf_counter()
    for step in range(calls):
        run.log(loss=0.5)
    found["one"].append((time.perf_counter() - wall) / calls)
    found["one_cpu"].append((time.thread_time() - cpu) / calls)
    cpu, wall = time.thread_time(), time.perf_counter()
    for step in range(calls):
        run.log(loss=0.5, accuracy=0.25, rate=0.125, norm=2.0)
    found["four"].append((time.perf_counter() - wall) / calls)
    found["four_cpu"].append((time.thread_time() - cpu) / calls)
found["heavy"] = sorted({"sqlalchemy", "polars", "numpy", "litestar"} & set(sys.modules))
print(json.dumps(found))
"""

TRACKIO = """
import json, sys, time
import trackio
calls = int(sys.argv[1]) // 10
trackio.init(project="bench")
start = time.perf_counter()
for step in range(calls):
    trackio.log({"loss": 0.5, "accuracy": 0.25, "rate": 0.125, "norm": 2.0})
print(json.dumps({"four": [(time.perf_counter() - start) / calls]}), flush=True)
"""


def measured(python: str, code: str, folder: Path) -> dict[str, list[float]]:
    environment = {**os.environ, "TRUEUP_URL": "", "TRACKIO_DIR": str(folder)}
    run = subprocess.run(
        [python, "-c", code, str(CALLS), str(ROUNDS)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trackio", default="", help="a Python that has trackio")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "trueup.toml").write_text('[project]\nname = "bench"\n')
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        started = time.perf_counter()
        ours = measured(sys.executable, OURS, folder)
        print(f"ours, one value:   {min(ours['one']) * 1e6:6.2f} µs a call", end="")
        print(f" ({min(ours['one_cpu']) * 1e6:.2f} µs of processor); at most 4 promised")
        print(f"ours, four values: {4 / min(ours['four']):9,.0f} points/s", end="")
        print(f" ({4 / min(ours['four_cpu']):,.0f} by processor time); at least 500,000 promised")
        print(f"libraries loaded beside it: {', '.join(ours['heavy']) or 'none'}")
        if chosen.trackio:
            theirs = measured(chosen.trackio, TRACKIO, folder)
            print(f"trackio, four values: {4 / min(theirs['four']):,.0f} points/s")
        print(f"took {time.perf_counter() - started:.1f} s")
        subprocess.run(
            [sys.executable, "-m", "trueup", "runs", "ship"],
            cwd=folder,
            capture_output=True,
            check=False,
        )


if __name__ == "__main__":
    main()
