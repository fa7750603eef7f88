"""Pipelines: rerun of an unchanged pipeline beside DVC, cost of a step, a wide fan-out.

Writes the section "Pipelines" of bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers
from results import write_section

TRUEUP = str(Path(sys.executable).with_name("trueup"))
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}
PLAN = """
[project]
name = "bench"
objective = "Measure"

[datasets.numbers]
path = "numbers.csv"
"""
CHAIN = """
from trueup import data, pipeline, step


@step
def first(rows) -> dict[str, int]:
    return {"value": rows.height}


@step
def following(before: dict[str, int], number: int) -> dict[str, int]:
    return {"value": before["value"] + number}


@pipeline
def chain():
    value = first(data("numbers"))
    for number in range(9):
        value = following(value, number)


@step
def nothing(number: int, round: int) -> int:
    return number + round


@pipeline
def loose(steps: int = 200, round: int = 0):
    for number in range(steps):
        nothing(number, round)


@step
def numbers(count: int) -> list[int]:
    return list(range(count))


@step
def doubled(number: int) -> int:
    return 2 * number


@step
def total(values: list[int]) -> int:
    return sum(values)


@pipeline
def wide(count: int = 10_000):
    total(doubled.map(numbers(count)))
"""
AGAIN = """
import statistics
import sys
import time
from trueup.doors.cli.main import run

times = []
for _ in range(8):
    for name in [n for n in sys.modules if n.partition(".")[0] == "pipelines"]:
        del sys.modules[name]  # the project's own code is read each time
    start = time.perf_counter()
    assert run(["run", "chain"]) == 0
    times.append(time.perf_counter() - start)
print("took", statistics.median(times[1:]), file=sys.stderr)
"""
DVC_STEP = """
import sys
value = int(open(sys.argv[1]).read())
open(sys.argv[2], "w").write(str(value + 1))
"""


def run(command: list[str], place: Path) -> float:
    """Seconds of one process."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=place, check=False, capture_output=True, text=True, env=ENVIRONMENT
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    return time.perf_counter() - start


def project(base: Path) -> Path:
    """A project of ours with one small dataset."""
    place = base / "trueup"
    (place / "pipelines").mkdir(parents=True)
    (place / "trueup.toml").write_text(PLAN)
    (place / "pipelines" / "chain.py").write_text(CHAIN)
    (place / "numbers.csv").write_text("value\n" + "\n".join(map(str, range(100))) + "\n")
    (place / ".gitignore").write_text(".trueup/\n__pycache__/\n")
    commit(place)
    return place


def with_dvc(base: Path) -> Path:
    """The same chain of ten steps for DVC."""
    place = base / "dvc"
    place.mkdir()
    (place / "step.py").write_text(DVC_STEP)
    (place / "0.txt").write_text("1\n")
    stages = [
        f"  s{n}:\n    cmd: {sys.executable} step.py {n}.txt {n + 1}.txt\n"
        f"    deps: [step.py, {n}.txt]\n    outs: [{n + 1}.txt]\n"
        for n in range(10)
    ]
    (place / "dvc.yaml").write_text("stages:\n" + "".join(stages))
    run(["git", "init", "--quiet"], place)
    run([peers.dvc(), "init", "--quiet"], place)
    run([peers.dvc(), "repro"], place)
    return place


def commit(place: Path) -> None:
    """Put a folder under Git, in one commit."""
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    run(["git", "init", "--quiet"], place)
    run(["git", "add", "."], place)
    run(["git", *who, "commit", "--quiet", "-m", "start"], place)


def reruns(base: Path, rounds: int) -> tuple[float, float]:
    """Seconds of running ten unchanged steps again: ours and DVC's, medians, in turns."""
    ours, theirs = project(base), with_dvc(base)
    run([TRUEUP, "run", "chain"], ours)
    run([TRUEUP, "run", "chain"], ours)
    times = [
        (run([TRUEUP, "run", "chain"], ours), run([peers.dvc(), "repro"], theirs))
        for _ in range(rounds)
    ]
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def again_in_one_process(place: Path) -> float:
    """Seconds of the same rerun where everything is imported already."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        cwd=place,
        check=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    return float(done.stderr.rpartition("took ")[2])


def per_step(place: Path, engine: str, steps: int) -> float:
    """Milliseconds of one more step that does nothing: many steps less few, by their number."""
    few = steps // 10
    shutil.rmtree(place / ".trueup")  # nothing of another engine's is reused
    rounds = []
    for number in range(3):
        times = [
            run(
                [
                    TRUEUP,
                    "run",
                    "loose",
                    "--engine",
                    engine,
                    "-p",
                    f"steps={n}",
                    "-p",
                    f"round={r}",
                ],
                place,
            )
            for n, r in ((few, 2 * number), (steps, 2 * number + 1))
        ]
        rounds.append((times[1] - times[0]) / (steps - few) * 1000)
    return statistics.median(rounds)


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    peers.python()
    base = Path(tempfile.mkdtemp(prefix="trueup-bench-"))
    try:
        ours, theirs = reruns(base, chosen.rounds)
        place = base / "trueup"
        imported = again_in_one_process(place)
        inside = per_step(place, "inprocess://", 500)
        processes = per_step(place, "processes://", 100)
        wide = {}
        for engine in ("inprocess://", "processes://"):
            shutil.rmtree(place / ".trueup")
            wide[engine] = run([TRUEUP, "run", "wide", "--engine", engine], place)
        again = run([TRUEUP, "run", "wide"], place)
    finally:
        shutil.rmtree(base)
    lines = [
        "Whole processes, wall clock, Python's start included.",
        "",
        "| Work | Trueup | DVC | Budget |",
        "|---|---|---|---|",
        f"| run ten unchanged steps again | {ours:.2f} s | {theirs:.2f} s | 0.3 s |",
        f"| the same in a process that did so before | {imported * 1000:.0f} ms | | |",
        f"| one more step, in process | {inside:.1f} ms | | 3 ms |",
        f"| one more step, in a process of its own | {processes:.0f} ms | | 60 ms |",
        f"| fan-out of 10,000, in process | {wide['inprocess://']:.1f} s | | |",
        f"| fan-out of 10,000, in processes | {wide['processes://']:.0f} s | | |",
        f"| the same again, all reused | {again:.1f} s | | |",
    ]
    write_section("Pipelines", lines)
    print(re.sub(r"\s+\|", " |", "\n".join(lines)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
