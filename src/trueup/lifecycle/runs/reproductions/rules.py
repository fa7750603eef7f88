"""The verdict on a run that was made again."""

from __future__ import annotations

from collections.abc import Sequence

from trueup.lifecycle.runs.reproductions.records import Outcome, StepDifference


def outcome_of(
    found: Sequence[StepDifference], tolerance: float, missing: Sequence[str]
) -> Outcome:
    """The verdict that follows from what was found.

    Example:
        >>> from trueup.lifecycle.pipeline.records import Difference
        >>> number = Difference(where="", what="was 1.0, is 1.1", largest=0.1)
        >>> apart = StepDifference(step="fit", difference=number)
        >>> outcome_of([apart], 0.2, []), outcome_of([apart], 0.0, []), outcome_of([], 0.0, [])
        ('equal-within-tolerance', 'different', 'identical')
    """
    if missing:
        return "impossible"
    if not found:
        return "identical"
    within = all(each.difference.is_within(tolerance) for each in found)
    return "equal-within-tolerance" if within else "different"
