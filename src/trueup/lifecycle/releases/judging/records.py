"""What was found about a new version: one figure for each metric, and what follows from them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

Outcome = Literal["harm", "no-harm", "unknown", "no-data", "changed", "unchanged", "mismatch"]
Action = Literal["roll-back", "advance", "continue", "hold"]


class Figure(Record):
    """What is known of one metric; bounds hold at every look at once.

    Attributes:
        metric: Its name; `split` for how the traffic fell on the arms.
        outcome: `harm` is proven; `no-harm` beyond the margin is proven; `unknown` yet; `no-data`
            is never a pass. Scores have `changed` or `unchanged`, a split may be a `mismatch`.
        words: The same in a sentence, with the figures.
        required: Whether the next step waits for it.
        unit: Of all numbers here: `share`, `seconds` or `value`.
        new: The new version's value.
        control: The value of the version beside it.
        estimate: New minus control.
        low: Lower bound of that difference; None where there is none.
        high: Upper bound of it.
        margin: How much worse counts as no harm, in the metric's unit.
        rows: Rows of the new version that tell about it; requests for latency.
        control_rows: The same of the control.
        alpha: Chance that harm is ever claimed where there is none.
    """

    metric: str
    outcome: Outcome
    words: str
    required: bool = False
    unit: Literal["share", "seconds", "value"] = "value"
    new: float | None = None
    control: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    rows: int = 0
    control_rows: int = 0
    alpha: float = 0.0


class Decision(Record):
    """What the evidence says should happen to a new version.

    Attributes:
        action: `roll-back`, `advance` to the next step, `continue`, or `hold` for a person.
        words: Why, with the figures.
        figures: One for each metric.
        rows: Rows of the new version.
        control_rows: Rows of the version beside it.
        alpha: Chance that a harmless version is ever rolled back, over all metrics and steps.
    """

    action: Action
    words: str
    figures: tuple[Figure, ...] = ()
    rows: int = 0
    control_rows: int = 0
    alpha: float = 0.0


class Look(Record):
    """What was found at one moment.

    Attributes:
        number: From 1 for each release.
        at: In the time of the traffic.
        decision: What was found.
    """

    number: int
    at: datetime
    decision: Decision
