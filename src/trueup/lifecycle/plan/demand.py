"""What every demand of a plan is, and the kinds of value that demands have. Read `demands.py`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from trueup.foundation.records import Record

OnMissing = Literal["refuse", "leave-out"]
PairRule = Literal["", "paired-bootstrap", "delong", "mcnemar", "t"]
Better = Literal["", "higher", "lower"]
GateName = Literal["candidate", "staging", "production"]
Positive = Annotated[float, Meta(gt=0)]
Confidence = Annotated[float, Meta(gt=0.5, lt=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
ProperShare = Annotated[float, Meta(gt=0, lt=1)]
FewestRows = Annotated[int, Meta(ge=2)]
Disturbance = Literal["noise", "missing", "extremes", "swaps", "unseen"]
FairnessMeasure = Literal[
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
]
Cut: TypeAlias = str | tuple[str, ...]
"""A column, or several together."""


class Demand(Record, tag_field="kind"):
    """One demand: its kind names the family of checks that answers it."""

    def unsound(self) -> str:
        """Why nothing could prove it; empty when it can be asked."""
        return ""
