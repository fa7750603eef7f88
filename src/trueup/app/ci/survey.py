"""What checks of rows found, for others: JUnit cases and a self-contained HTML page."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trueup.foundation.text import plural
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.gates.surveying import Survey
from trueup.rendering import junit, report, words

_OUTCOMES: Final[dict[CheckOutcome, junit.Outcome]] = {
    "passed": "passed",
    "failed": "failed",
    "not-enough-data": "failed",  # only passed passes
    "error": "error",
    "not-applicable": "skipped",
}
_SHOWN: Final = 60


def cases(survey: Survey) -> list[junit.Case]:
    """Each part of each check as a test case; advice that found something is a skipped test."""
    return [
        junit.Case(
            suite=f"data.{result.check}",
            name=part.name,
            outcome=_outcome(part.outcome, result),
            words=part.words,
        )
        for result in survey.results
        for part in result.parts or (Part(name="all", outcome=result.outcome, words=result.words),)
    ]


def _outcome(outcome: CheckOutcome, result: CheckResult) -> junit.Outcome:
    found = _OUTCOMES[outcome]
    return "skipped" if result.advisory and found in ("failed", "error") else found


def page(survey: Survey, at: datetime) -> str:
    """The findings as one HTML file: columns and counts, never the value of a row."""
    overview = report.Section(
        title="Checks",
        words="Only passed passes. A warning is advice: it refuses nothing.",
        columns=("check", "outcome", "finding"),
        rows=tuple(
            (result.check, shown_as(result), result.words or words.NOTHING)
            for result in survey.results
        ),
        states=1,
    )
    facts = report.Section(
        title="Rows",
        facts={
            "table": survey.name,
            "rows": f"{survey.rows:,}",
            "columns": f"{survey.columns:,}",
            "label": survey.label,
            "environment": survey.environment,
        },
    )
    parts = [_section(result) for result in survey.results if result.parts]
    note = f"Found by trueup check data on {words.moment(at)}; no value of a row is in this file."
    title = f"Data checks of {survey.name}"
    return report.html(title, [overview, facts, *parts], state=survey.outcome, note=note)


def shown_as(result: CheckResult, outcome: str = "") -> str:
    """An outcome as it is shown: what advice found is a warning."""
    found = outcome or result.outcome
    return "warning" if result.advisory and found == "failed" else found


def _section(result: CheckResult) -> report.Section:
    more = len(result.parts) - _SHOWN
    return report.Section(
        title=words.title(result.check),
        words=f"The first {_SHOWN} of {plural(len(result.parts), 'part')}." if more > 0 else "",
        columns=("what", "outcome", "found", "limit", "finding"),
        rows=tuple(
            (
                part.name,
                shown_as(result, part.outcome),
                words.number(part.value),
                words.number(part.limit),
                part.words,
            )
            for part in result.parts[:_SHOWN]
        ),
        states=1,
    )
