"""What holding rows against a schema finds, one finding a column or rule."""

from __future__ import annotations

from typing import Literal

from trueup.foundation.records import Record
from trueup.foundation.text import plural
from trueup.rendering import words
from trueup.statistics import shares

Outcome = Literal["passed", "failed", "error"]


class Finding(Record):
    """One thing that was looked at.

    Attributes:
        name: Column, rule, or `rows`.
        outcome: `error` where nothing could be found out.
        words: What is wrong, or what was seen.
        value: Share of rows that break it, or a count for `rows`.
        limit: What may.
        rows: Rows it rests on.
    """

    name: str
    outcome: Outcome
    words: str = ""
    value: float | None = None
    limit: float | None = None
    rows: int = 0


def of_share(name: str, bad: int, rows: int, most: float, what: str) -> Finding:
    """A share of rows held against the largest that may be so; chance is taken into account.

    Args:
        name: Column or rule.
        bad: How many rows are so.
        rows: Of how many.
        most: The share that may.
        what: What they do, such as `have no value`.
    """
    above = shares.is_above(bad, rows, most)
    said = f"{bad:,} of {plural(rows, 'row')} {what}"
    if most > 0:
        said += f"; up to {words.percent(most, 3)} may"
        if not above and bad > most * rows:
            said += ", and chance explains this many"
    return Finding(
        name=name,
        outcome="failed" if above else "passed",
        words=said,
        value=bad / rows if rows else None,
        limit=most,
        rows=rows,
    )


def together(name: str, found: list[Finding], quiet: str) -> Finding:
    """Several findings about one column as one; `quiet` is said when there is nothing to say."""
    bad = [each for each in found if each.outcome != "passed"]
    worst = max(bad or found, key=_excess, default=Finding(name=name, outcome="passed"))
    said = "; ".join(each.words for each in bad) if bad else quiet
    outcome: Outcome = "error" if any(f.outcome == "error" for f in bad) else worst.outcome
    return Finding(
        name=name,
        outcome=outcome,
        words=said,
        value=worst.value,
        limit=worst.limit,
        rows=worst.rows,
    )


def _excess(finding: Finding) -> float:
    return (finding.value or 0.0) - (finding.limit or 0.0)
