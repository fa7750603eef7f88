"""The nouns of series."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from trueup.foundation.records import Record
from trueup.lifecycle.runs.records import RunState


class Objective(Record):
    """What makes one run better than another.

    Attributes:
        metric: Name of the metric; `step.name` where several steps report it.
        direction: Whether the largest or the smallest value is the best.
    """

    metric: str
    direction: Literal["max", "min"]


class Range(Record):
    """Numbers that a search may choose from.

    Attributes:
        low: The smallest.
        high: The largest.
        log: Whether it looks at orders of magnitude.
        step: Distance of neighbours; 0 for none.
        whole: Whether they are whole numbers.
    """

    low: float
    high: float
    log: bool = False
    step: float = 0.0
    whole: bool = False


class Choice(Record):
    """Values that a search may choose from, as JSON."""

    values: tuple[Any, ...]


Space = dict[str, Range | Choice]


class Compared(Record):
    """One run in a comparison.

    Attributes:
        run: Identifier.
        state: How it ended.
        started_at: When it began.
        seconds: How long it took; None while it goes on.
        parameters: Its parameters.
        partition: The part of the data that it covers.
        metrics: Its metrics, by the name of the column.
    """

    run: str
    state: RunState
    started_at: datetime
    seconds: float | None
    parameters: dict[str, Any]
    partition: str
    metrics: dict[str, float]

    @property
    def ref(self) -> str:
        """The reference of the run."""
        return f"run:{self.run}"


class Comparison(Record):
    """Runs side by side.

    Attributes:
        parameters: Names of the parameters in which they differ.
        metrics: Names of the metrics that any of them reports.
        runs: The runs, the best first when there is an objective, else as they were named.
        objective: What makes one better than another.
        best: Identifier of the best one; empty without an objective or a value of it.
    """

    parameters: tuple[str, ...]
    metrics: tuple[str, ...]
    runs: tuple[Compared, ...]
    objective: Objective | None = None
    best: str = ""


class Sweep(Record):
    """A sweep, search or back-fill at a glance.

    Attributes:
        id: Its identifier.
        pipeline: Name of the pipeline.
        states: How many of its runs stand how.
        started_at: When its first run began.
        newest_at: When its newest run began.
        is_backfill: Whether its runs cover parts of the data instead of trying parameters.
    """

    id: str
    pipeline: str
    states: dict[str, int]
    started_at: datetime
    newest_at: datetime
    is_backfill: bool
