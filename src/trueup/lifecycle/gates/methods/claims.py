"""Several measurements against their limits, so that all that is said about them holds at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy import special

from trueup.lifecycle.gates.records import CheckOutcome, Part
from trueup.lifecycle.gates.rules import rows_needed
from trueup.statistics.simultaneous import lower_bounds

POWER: Final = 0.8


class Claim(NamedTuple):
    """A measurement that a limit bounds from one side.

    Attributes:
        name: What was measured.
        value: The measurement; NaN where it is undefined.
        error: Its standard error.
        side: On which side of the limit it must lie.
        limit: The limit.
        rows: Rows it rests on.
    """

    name: str
    value: float
    error: float
    side: Literal["at least", "at most"]
    limit: float
    rows: int

    @property
    def is_defined(self) -> bool:
        """Whether it says anything."""
        return math.isfinite(self.value) and math.isfinite(self.error)

    @property
    def margin(self) -> float:
        """How far it lies on the good side."""
        return (self.value - self.limit) * (1 if self.side == "at least" else -1)


def judged(claims: Sequence[Claim], confidence: float) -> list[Part]:
    """What is shown of each claim; the chance that any of it is wrong is 1 - confidence per side.

    A claim is passed where Holm's test shows it kept, failed where it shows it broken. In between
    there are not enough rows.
    """
    known = [claim for claim in claims if claim.is_defined]
    margins, errors = [c.margin for c in known], [c.error for c in known]
    least = lower_bounds(margins, errors, 0.0, confidence)
    most = -lower_bounds([-m for m in margins], errors, 0.0, confidence)
    found = iter(zip(least.tolist(), most.tolist(), strict=True))
    return [
        _part(c, *next(found), enough(c, confidence, len(known))) if c.is_defined else _undefined(c)
        for c in claims
    ]


def detectable(claims: Sequence[Claim], confidence: float) -> float | None:
    """The true distance from its limit that shows the least certain claim in 80 of 100 cases."""
    errors = [claim.error for claim in claims if claim.is_defined]
    if not errors:
        return None
    z = special.ndtri(1 - (1 - confidence) / len(errors)) + special.ndtri(POWER)
    return float(z * np.max(errors))


def enough(claim: Claim, confidence: float, of: int) -> int:
    """Rows at which one of so many claims would be shown kept; 0 where no rows would show it."""
    if not claim.is_defined or claim.margin <= 0:
        return 0
    z = float(special.ndtri(1 - (1 - confidence) / max(of, 1)))
    reach = z * claim.error
    return rows_needed(claim.rows, reach, claim.margin) if reach > claim.margin else claim.rows


def _part(claim: Claim, least: float, most: float, needed: int) -> Part:
    ends = (claim.limit + least, claim.limit + most)
    lower, upper = ends if claim.side == "at least" else (claim.limit - most, claim.limit - least)
    outcome: CheckOutcome = "not-enough-data"
    words = f"{claim.value:.4g}, must be {claim.side} {claim.limit:g}"
    if least >= 0:
        outcome = "passed"
    elif most <= 0:
        outcome = "failed"
    elif needed:
        words += f"; about {needed:,} rows would tell, there are {claim.rows:,}"
    return Part(
        name=claim.name,
        outcome=outcome,
        words=words,
        value=claim.value,
        lower=lower,
        upper=upper,
        limit=claim.limit,
        rows=claim.rows,
    )


def _undefined(claim: Claim) -> Part:
    return Part(
        name=claim.name,
        outcome="not-enough-data",
        words="not defined here: these rows hold one class alone, or are all the rows",
        limit=claim.limit,
        rows=claim.rows,
    )
