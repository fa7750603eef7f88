"""What the parts of a check say together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trueup.lifecycle.gates.records import CheckOutcome, Part

# A part that found harm outweighs one that found nothing out; silence never passes.
_WEIGHTS: Final[tuple[CheckOutcome, ...]] = (
    *("error", "failed", "not-enough-data", "passed", "not-applicable"),
)


def worst(parts: Sequence[Part]) -> CheckOutcome:
    """The outcome that counts for all parts; of no parts it is "not enough data".

    Example:
        >>> worst([Part(name="a", outcome="passed"), Part(name="b", outcome="failed")])
        'failed'
    """
    found = {part.outcome for part in parts}
    return next((outcome for outcome in _WEIGHTS if outcome in found), "not-enough-data")


def told(parts: Sequence[Part], good: str, most: int = 3) -> str:
    """The words of the parts that did not pass, or else `good`."""
    bad = sorted(
        (p for p in parts if p.outcome not in ("passed", "not-applicable")),
        key=lambda part: _WEIGHTS.index(part.outcome),
    )
    if not bad:
        return good
    more = f"; and {len(bad) - most:,} more" if len(bad) > most else ""
    return "; ".join(part.words for part in bad[:most]) + more
