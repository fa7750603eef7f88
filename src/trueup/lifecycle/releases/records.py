"""The nouns of releases."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

ReleaseState = Literal[
    "requested", "canary", "live", "superseded", "rolled-back", "rejected", "withdrawn"
]


class Release(Record):
    """One model version on its way into, in, or out of a deployment.

    Attributes:
        deployment: The place.
        number: From 1 within the deployment.
        model: Registered model name.
        version: Model version.
        verdict: Identifier of the verdict it stands on.
        approval: Identifier of the approval it stands on; empty where the process needs none.
        strategy: How it takes over.
        weight: Share of the entities it serves now.
        state: Where it stands.
        requested_by: Who asked for it.
        requested_at: When.
        started_at: In the time of the traffic, when it began to serve.
        ended_at: In the time of the traffic, when it stopped serving.
        previous: Release number it replaces; 0 for the first.
        why: Reason for its present state.
    """

    deployment: str
    number: int
    model: str
    version: int
    verdict: str
    approval: str
    strategy: str
    weight: float
    state: ReleaseState
    requested_by: str
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    previous: int = 0
    why: str = ""

    @property
    def ref(self) -> str:
        """The reference of this release, such as `release:late-arrivals@2`."""
        return f"release:{self.deployment}@{self.number}"

    @property
    def model_ref(self) -> str:
        """The reference of the model version, such as `flights@3`."""
        return f"{self.model}@{self.version}"


class Arm(Record):
    """A release that takes traffic, and its share of the entities.

    Attributes:
        release: Its number.
        model_ref: The model version.
        weight: Share of the entities it answers; 0 for a shadow.
        shadow: Whether it scores what others answer: its scores are recorded, never sent.
    """

    release: int
    model_ref: str
    weight: float
    shadow: bool = False


class Route(Record):
    """Where a deployment's traffic goes now.

    Attributes:
        deployment: The place.
        arms: First the live release, then the canary if there is one; weights sum to 1. Shadows
            come last.
        salt: Makes the assignment of entities new for each ramp.
        entity: Input that names whom a prediction is about; empty when there is none.
    """

    deployment: str
    arms: tuple[Arm, ...]
    salt: str
    entity: str = ""
