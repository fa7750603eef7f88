"""The nouns of releases."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

ReleaseState = Literal[
    "requested", "canary", "live", "superseded", "rolled-back", "rejected", "withdrawn"
]


class Step(Record):
    """One step of a release on its way to all traffic.

    Attributes:
        weight: Share of the entities that the new version answers; 0 for a shadow.
        lasts: How long at least, in the time of the traffic.
        rows: Rows that the new version has scored at least, in all, before the next step.
        asks: Whether a person has to say that it goes on.
    """

    weight: float
    lasts: str = "7d"
    rows: int = 0
    asks: bool = False

    @property
    def is_shadow(self) -> bool:
        """Whether the new version scores what others answer, and answers nobody."""
        return self.weight == 0


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
        steps: How it takes over, as agreed when it was asked for; empty for all at once.
        step: Which of them it stands at, from 0.
        stepped_at: In the time of the traffic, when that step began.
        paused: Whether it stays at its step until somebody resumes it.
        starts_at: It starts no earlier.
        override: Why the calendar does not hold for it; empty when it does.
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
    steps: tuple[Step, ...] = ()
    step: int = 0
    stepped_at: datetime | None = None
    paused: bool = False
    starts_at: datetime | None = None
    override: str = ""

    @property
    def ref(self) -> str:
        """The reference of this release, such as `release:late-arrivals@2`."""
        return f"release:{self.deployment}@{self.number}"

    @property
    def model_ref(self) -> str:
        """The reference of the model version, such as `flights@3`."""
        return f"{self.model}@{self.version}"

    @property
    def at_step(self) -> Step | None:
        """The step at which it is tried out; None when it is not."""
        return self.steps[self.step] if self.state == "canary" and self.steps else None

    @property
    def is_shadow(self) -> bool:
        """Whether it scores what others answer, and answers nobody."""
        return self.at_step is not None and self.at_step.is_shadow


class Outlook(Record):
    """What asking for a release would lead to.

    Attributes:
        release: The release that there would be.
        approval: What is needed of a second person, in words.
        replaces: The model version that it takes over from; empty for the first.
        waits_for: A release that is on its way already and has to end first.
        opens_at: When the calendar lets it start; None for at once.
    """

    release: Release
    approval: str
    replaces: str = ""
    waits_for: str = ""
    opens_at: datetime | None = None


class Brake(Record):
    """A deployment that a person has stopped: it answers nobody until it is resumed.

    Attributes:
        deployment: The place.
        stopped_by: Who stopped it.
        why: The reason, for callers and for the record.
        stopped_at: When.
    """

    deployment: str
    stopped_by: str
    why: str
    stopped_at: datetime


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
        stopped: Why it answers nobody; empty when it answers.
    """

    deployment: str
    arms: tuple[Arm, ...]
    salt: str
    entity: str = ""
    stopped: str = ""
