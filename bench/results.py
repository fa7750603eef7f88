"""Writing measured figures: one section of RESULTS.md at a time, and the kind of machine."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
PREFACE = """# Results

Figures are measured by the scripts beside this file (`make bench`) and written by them. Ratios
travel from machine to machine, absolute times do not.
"""


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
