"""When to retrain, and when to wait. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from trueup.lifecycle.improvement.records import Proposal, ProposalState

OPEN: Final[tuple[ProposalState, ...]] = ("proposed", "training", "requested")

# After a candidate was refused the next one needs new evidence: a whole window of four weeks, and
# the labels of its last days.
WAIT: Final = timedelta(days=35)

_NEXT: Final[Mapping[ProposalState, frozenset[ProposalState]]] = {
    "proposed": frozenset({"training", "failed"}),
    "training": frozenset({"training", "refused", "failed", "requested"}),
    "requested": frozenset({"done"}),
    "refused": frozenset(),
    "failed": frozenset(),
    "done": frozenset(),
}


def reason_to_wait(earlier: Sequence[Proposal], at: datetime) -> str:
    """Why no new proposal should be made now; empty when one should."""
    for proposal in earlier:
        if proposal.state in OPEN:
            return f"proposal {proposal.id} is {proposal.state}"
        if proposal.ended_at is not None and at - proposal.ended_at < WAIT:
            return f"proposal {proposal.id} was {proposal.state} less than {WAIT.days} days ago"
    return ""


def may_become(proposal: Proposal, state: ProposalState) -> bool:
    """Whether a proposal's state may change so."""
    return state in _NEXT[proposal.state]
