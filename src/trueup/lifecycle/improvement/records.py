"""The nouns of improvement."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from trueup.foundation.records import Record

ProposalState = Literal["proposed", "training", "refused", "failed", "requested", "done"]
CAUSE: Final = "proposal "
"""What a run was caused by that a proposal asked for: this and its identifier."""


class Proposal(Record):
    """A retraining that evidence asked for, and what became of it.

    Attributes:
        id: Short identifier.
        deployment: Where the harm was seen.
        goal: Goal that was breached.
        cause: Identifier of the event that asked for it.
        alert: Identifier of the alert.
        model: Model to train again.
        proposed_at: In the time of the traffic.
        state: proposed, training, refused (by the gate), failed (to train), requested (a release),
            done (the release went live, or ended).
        run: Run that trained the candidate.
        candidate: Model version it made.
        release: Release number it was requested as; 0 before.
        ended_at: In the time of the traffic.
        why: What became of it, in words.
    """

    id: str
    deployment: str
    goal: str
    cause: str
    alert: str
    model: str
    proposed_at: datetime
    state: ProposalState
    run: str = ""
    candidate: str = ""
    release: int = 0
    ended_at: datetime | None = None
    why: str = ""
