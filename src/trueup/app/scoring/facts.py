"""What is known of a model at a moment: the only thing that rules look at.

`gathering.py` reads it from the project; tests write it by hand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from trueup.foundation.records import Record
from trueup.lifecycle.gates.attestations.records import Attestation
from trueup.lifecycle.gates.records import CheckOutcome
from trueup.lifecycle.monitoring.records import FindingVerdict
from trueup.lifecycle.plan.demands import GateName

Origin = Literal["person", "schedule", "data", "commit", "event", "proposal", "build"]


class Ran(Record):
    """A family of checks in a genuine verdict: its worst outcome over all goals."""

    kind: str
    outcome: CheckOutcome
    verdict: str
    model_ref: str
    at: datetime


class Judged(Record):
    """A genuine verdict, and what its goals measured: goal to value."""

    verdict: str
    model_ref: str
    at: datetime
    passed: bool
    gate: GateName
    measured: dict[str, float] = {}


class Made(Record):
    """A version and what is known of its making.

    Attributes:
        ref: Such as `flights@3`.
        at: When it was registered.
        run: Identifier of its run.
        origin: What asked for that run.
        commit: Commit of the code; empty when unknown.
        is_clean: Whether no file differed from that commit.
        is_described: Whether code, data and environment are on record.
        parameters: Those of the run.
        features: Feature definition to its digest.
        steps: Steps of its run, and how many of these kept their result.
        kept: See `steps`.
    """

    ref: str
    at: datetime
    run: str = ""
    origin: Origin = "person"
    commit: str = ""
    is_clean: bool = False
    is_described: bool = False
    parameters: dict[str, Any] = {}
    features: dict[str, str] = {}
    steps: int = 0
    kept: int = 0


class Executed(Record):
    """A run of a pipeline that makes this model."""

    run: str
    at: datetime
    finished: bool
    origin: Origin


class WentLive(Record):
    """A release that took all the traffic of a place.

    Attributes:
        ref: Such as `release:desk@2`.
        model_ref: The version.
        at: When.
        how: By a canary, at once, or again: this version had served there before.
        is_first: Whether nothing served there before.
        by_itself: Whether automation did it.
        verdict: The verdict it stood on.
        approved_by: The second person who said yes; empty when nobody had to.
        approval: Identifier of that answer.
    """

    ref: str
    model_ref: str
    at: datetime
    how: Literal["canary", "at-once", "again"]
    is_first: bool = False
    by_itself: bool = False
    verdict: str = ""
    approved_by: str = ""
    approval: str = ""


class RolledBack(Record):
    """A rollback; `by_itself` when automation saw the harm."""

    ref: str
    at: datetime
    event: str
    by_itself: bool


class Watched(Record):
    """A finding of a monitor about the version that serves."""

    deployment: str
    kind: str
    goal: str
    verdict: FindingVerdict
    model_ref: str
    at: datetime
    event: str
    value: float | None = None
    rows: int = 0


class Search(Record):
    """A sweep: its first run, and the parameters that its finished runs tried."""

    id: str
    run: str
    at: datetime
    tried: tuple[dict[str, Any], ...]


class Remade(Record):
    """A run that was made again."""

    run: str
    at: datetime
    is_equal: bool


class Defined(Record):
    """A version of a feature definition."""

    ref: str
    digest: str
    at: datetime


class Proposed(Record):
    """A retraining that evidence asked for."""

    event: str
    at: datetime
    goal: str


class Facts(Record):
    """All of it; lists are newest first.

    Attributes:
        model: Registered name.
        at: The moment they speak of; nothing later is among them.
        serving: The version that takes the traffic; empty when none does.
        newest: The newest version; empty when there is none.
        demanded: Family of checks to the goals that demand it; "" for what every gate checks.
        deployments: Places of the plan that serve this model.
        retrains: Goals whose breach asks for a retraining.
        discarded: What is not what was signed.
    """

    model: str
    at: datetime
    serving: str = ""
    newest: str = ""
    demanded: dict[str, tuple[str, ...]] = {}
    deployments: tuple[str, ...] = ()
    retrains: tuple[str, ...] = ()
    ran: tuple[Ran, ...] = ()
    judged: tuple[Judged, ...] = ()
    made: tuple[Made, ...] = ()
    executed: tuple[Executed, ...] = ()
    went_live: tuple[WentLive, ...] = ()
    rolled_back: tuple[RolledBack, ...] = ()
    watched: tuple[Watched, ...] = ()
    searches: tuple[Search, ...] = ()
    remade: tuple[Remade, ...] = ()
    defined: tuple[Defined, ...] = ()
    proposed: tuple[Proposed, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    discarded: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """The version that a score speaks of: the one that serves, else the newest."""
        return self.serving or self.newest

    def version(self, ref: str) -> Made | None:
        """What is known of one version."""
        return next((made for made in self.made if made.ref == ref), None)
