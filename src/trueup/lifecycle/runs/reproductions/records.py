"""The nouns of reproducing a run: it was made again, and this is what came out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record
from trueup.lifecycle.pipeline.records import Difference

Outcome = Literal["identical", "equal-within-tolerance", "different", "impossible"]
EnvironmentMode = Literal["check", "install", "ignore"]


class StepDifference(Record):
    """One way in which a step came out otherwise.

    Attributes:
        step: Name of the step.
        difference: What differs in its result or its metrics.
    """

    step: str
    difference: Difference

    def __str__(self) -> str:
        return f"step '{self.step}' {self.difference}"


class Reproduction(Record, kw_only=True):
    """A run made again from its record alone, and the verdict.

    Attributes:
        id: Identifier.
        run: Identifier of the run that was made again.
        outcome: The verdict.
        tolerance: The largest relative difference of numbers that counts as equal.
        environment: What was done about the packages.
        packages: How the packages differ from those of the run, one line each.
        steps: How many steps were compared.
        differences: What came out otherwise, in the order of the steps; at most a hundred.
        missing: What kept the run from being made again.
        seconds: How long it took.
        folder: Where it was made, if that was kept.
        reproduced_by: Who asked for it.
        reproduced_at: When.
    """

    id: str
    run: str
    outcome: Outcome
    tolerance: float
    environment: EnvironmentMode
    packages: tuple[str, ...] = ()
    steps: int = 0
    differences: tuple[StepDifference, ...] = ()
    missing: tuple[str, ...] = ()
    seconds: float = 0.0
    folder: str = ""
    reproduced_by: str
    reproduced_at: datetime
