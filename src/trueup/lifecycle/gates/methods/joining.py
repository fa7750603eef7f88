"""The parts of a check as one result: only a check whose parts all passed has passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trueup.foundation.text import plural
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part

_WORST_FIRST: Final[tuple[CheckOutcome, ...]] = ("error", "failed", "not-enough-data", "passed")
MOST_PARTS: Final = 200
"""So many parts a result keeps; bad ones come first."""


def joined(
    check: str,
    parts: Sequence[Part],
    *,
    rows: int,
    good: str,
    nothing: str = "there was nothing to look at",
    advisory: bool = False,
) -> CheckResult:
    """One result of many parts; the worst part stands for all.

    Args:
        check: Name of the family.
        parts: What it looked at; those that do not apply decide nothing.
        rows: Rows that it looked at.
        good: What is said when all passed.
        nothing: Why it does not apply when no part does.
        advisory: Whether it is shown only.
    """
    ranked = sorted(parts, key=_rank)
    outcome = next((o for o in _WORST_FIRST if any(p.outcome == o for p in parts)), None)
    if outcome is None:
        return CheckResult(
            check=check,
            outcome="not-applicable",
            words=nothing,
            rows=rows,
            advisory=advisory,
            parts=tuple(ranked[:MOST_PARTS]),
        )
    first = ranked[0]
    same = [part for part in parts if part.outcome == outcome]
    words = good if outcome == "passed" else f"{first.name}: {first.words}"
    if outcome != "passed" and len(same) > 1:
        words += f"; and {plural(len(same) - 1, 'more finding')}"
    return CheckResult(
        check=check,
        outcome=outcome,
        words=words,
        value=first.value if outcome != "passed" else None,
        limit=first.limit if outcome != "passed" else None,
        rows=rows,
        advisory=advisory,
        parts=tuple(ranked[:MOST_PARTS]),
    )


def _rank(part: Part) -> int:
    return _WORST_FIRST.index(part.outcome) if part.outcome in _WORST_FIRST else len(_WORST_FIRST)
