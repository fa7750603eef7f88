"""How long starting takes: `import trueup` and `trueup --help`, beside a bare Python.

Writes the section "Start" of bench/RESULTS.md. Run `make bench` when nothing else runs.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
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


def write_section(title: str, lines: list[str]) -> None:
    """Replace one section of the results and leave the others."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else PREFACE
    body = "\n".join(["", f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}.", "", *lines, ""])
    before, _, after = text.partition(f"\n## {title}\n")
    rest = re.search(r"^## ", after, re.MULTILINE)
    tail = "\n" + after[rest.start() :] if rest else ""
    RESULTS.write_text(f"{before.rstrip()}\n\n## {title}\n{body}{tail}", encoding="utf-8")


def machine() -> str:
    """The kind of machine, without naming it."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}"
    )


PREFACE = """# Results

Figures are measured by the scripts beside this file (`make bench`) and written by them. Ratios
travel from machine to machine, absolute times do not.
"""

if __name__ == "__main__":
    raise SystemExit(main())
