"""The page-long report at the end of the demo, in figures that were read back."""

from __future__ import annotations

from pathlib import Path

from trueup.app.demo.summary import Summary
from trueup.doors.cli import output


def report(summary: Summary, folder: Path) -> None:
    """Print the report."""
    output.data.print(summary)
