"""How long starting takes: `import trueup` and `trueup --help`, beside a bare Python.

Writes the section "Start" of bench/RESULTS.md. Run `make bench` when nothing else runs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from results import write_section

TIMES = 15
BUDGET_MS = 150
HELP = str(Path(sys.executable).with_name("trueup"))
COMMANDS = {
    "bare `python -c pass`": [sys.executable, "-c", "pass"],
    "`python -c 'import trueup'`": [sys.executable, "-c", "import trueup"],
    "`trueup --help`": [HELP, "--help"],
}


def main() -> int:
    """Measure, print and write; the exit code says whether the budget held."""
    for command in COMMANDS.values():  # compile bytecode, warm the file cache
        once(command)
    # In turns, so that a slow moment of the machine meets all of them.
    rounds = [{name: once(command) for name, command in COMMANDS.items()} for _ in range(TIMES)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in COMMANDS}
    fastest = {name: min(each[name] for each in rounds) for name in COMMANDS}
    bare = next(iter(medians.values()))
    lines = [
        f"Median and fastest of {TIMES} processes, wall clock. Budget: {BUDGET_MS} ms each.",
        "",
        "| Command | median | fastest | median above bare Python |",
        "|---|---|---|---|",
        *(
            f"| {name} | {medians[name]:.0f} ms | {fastest[name]:.0f} ms | {value - bare:.0f} ms |"
            for name, value in medians.items()
        ),
    ]
    write_section("Start", lines)
    print("\n".join(lines))
    return 0 if max(medians.values()) <= BUDGET_MS else 1


def once(command: list[str]) -> float:
    """Milliseconds of one process."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=usual)
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
