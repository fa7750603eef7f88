"""What a plan can demand of a version before release: one record per family of checks.

A record holds the settings of its family; ``gates/checks/<kind>.py`` holds the check itself.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from trueup.foundation.records import Record

OnMissing = Literal["refuse", "leave-out"]
GateName = Literal["candidate", "staging", "production"]


class Demand(Record, tag_field="kind"):
    """One demand: its kind names the family of checks that answers it."""


class Limit(Demand, tag="limit"):
    """A metric keeps a limit, with confidence.

    Attributes:
        metric: Name of the metric.
        at_least: Smallest value that will do (give this or `at_most`).
        at_most: Largest value that will do.
        confidence: One-sided confidence of the bound.
        min_rows: With fewer labelled rows the answer is "not enough data".
        on_missing: What rows without a label mean: an error, or to be left out and counted.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    confidence: float = 0.95
    min_rows: int = 500
    on_missing: OnMissing = "refuse"


class Champion(Demand, tag="champion"):
    """The candidate beats the live version on the same rows.

    Attributes:
        metric: What both are measured by.
        margin: How much better; negative allows a little worse.
        confidence: One-sided confidence of the difference.
        on_missing: As of a limit.
    """

    metric: str
    margin: float = 0.0
    confidence: float = 0.95
    on_missing: OnMissing = "refuse"


class Answers(Demand, tag="answers"):
    """Every answer is what the model's task allows, and the same when asked twice."""


class Leakage(Demand, tag="leakage"):
    """Rows set aside are rows never trained on."""


AnyDemand: TypeAlias = Limit | Champion | Answers | Leakage


def kind_of(demand: Demand) -> str:
    """The family that answers a demand.

    Example:
        >>> kind_of(Answers())
        'answers'
    """
    return str(demand.__struct_config__.tag)
