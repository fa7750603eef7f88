"""What a plan says of a deployment: how versions take over, how they answer, what is kept.

One record for each concern; `[deployments.NAME]` of `trueup.toml` has their shape.
"""

from __future__ import annotations

from typing import Literal

from trueup.foundation.records import Record

Strategy = Literal["canary", "all-at-once"]


class Canary(Record):
    """How a release is tried out.

    Attributes:
        weight: Share of the entities that the new version serves.
        lasts: How long at least, in the time of the traffic.
        margin: Largest loss of mean Brier score that counts as "no harm".
    """

    weight: float = 0.25
    lasts: str = "7d"
    margin: float = 0.02


class Deployment(Record):
    """A named place where a model answers.

    Attributes:
        model: Model that is served here.
        entity: Input that names whom a prediction is about; routing is sticky by it.
        strategy: How a new version takes over.
        canary: Settings of that strategy.
        monitor_every: How often the monitors evaluate.
        false_alarms_per_year: Budget over all monitors of this deployment.
    """

    model: str
    entity: str = ""
    strategy: Strategy = "canary"
    canary: Canary = Canary()
    monitor_every: str = "7d"
    false_alarms_per_year: float = 1.0
