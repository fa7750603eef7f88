"""What checks found, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trueup.doors.cli.terminal import output

if TYPE_CHECKING:
    from trueup.lifecycle.gates.records import CheckResult, VerdictOutcome


def show(title: str, found: Sequence[CheckResult], outcome: VerdictOutcome) -> None:
    """Print an outcome and every check, with a sentence each."""
    head = output.state(outcome)
    head.append(f"  {title}", style="not dim")
    output.show(head)
    output.blank()
    table(found)


def table(found: Sequence[CheckResult]) -> None:
    """Print every check, then a sentence each."""
    output.table(
        ("check", "value", "bound", "limit", "detectable", "rows", "outcome"), map(_row, found)
    )
    output.blank()
    output.findings((result.outcome, result.words) for result in found)


def report(
    title: str, found: Sequence[CheckResult], outcome: VerdictOutcome, *, junit: str, html: str
) -> None:
    """Write JUnit XML and an HTML page where these are asked for."""
    from trueup.app.ci import reports
    from trueup.foundation import clock
    from trueup.rendering import junit as as_junit

    if junit:
        cases = [*reports.cases_of(found), *reports.part_cases_of(found)]
        output.write_file(junit, as_junit.xml(title, cases, clock.now()))
    if html:
        output.write_file(html, reports.page_of(title, found, outcome))


def parts(result: CheckResult) -> None:
    """Print what a check looked at, one by one."""
    output.table(
        ("part", "value", "bound", "limit", "outcome"),
        [
            (
                p.name,
                p.value,
                p.lower if p.upper is None else p.upper,
                p.limit,
                output.state(p.outcome),
            )
            for p in result.parts
        ],
    )
    output.blank()


def _row(result: CheckResult) -> tuple[object, ...]:
    outcome = output.state(result.outcome)
    if result.advisory:
        outcome.append(" (advice)", style="dim")
    figures = (result.value, result.bound, result.limit, result.detectable)
    return result.name, *figures, result.rows or None, outcome
