"""Decisions about people: which role may do what, who may approve. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from trueup.foundation.permissions import PERMISSIONS, Permission
from trueup.people.records import Approval, Role

ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    "owner": frozenset(PERMISSIONS),  # type: ignore[arg-type]
    "scientist": frozenset(
        {
            "read",
            "plan.write",
            "data.write",
            "runs.write",
            "models.write",
            "gates.run",
            "releases.request",
            "monitoring.run",
            "feedback.create",
            "improvement.run",
        }
    ),
    "reviewer": frozenset({"read", "approvals.decide", "gates.run"}),
    "operator": frozenset(
        {
            "read",
            "releases.request",
            "releases.operate",
            "alerts.handle",
            "monitoring.run",
            "predictions.create",
            "feedback.create",
        }
    ),
    "viewer": frozenset({"read"}),
}

# Parts of Trueup that act by themselves may do this much and no more.
SERVICES: Final[Mapping[str, frozenset[Permission]]] = {
    "automation": frozenset(
        {
            "read",
            "data.write",
            "runs.write",
            "models.write",
            "gates.run",
            "releases.request",
            "releases.operate",
            "monitoring.run",
            "improvement.run",
        }
    ),
    "server": frozenset({"read", "predictions.create", "feedback.create", "releases.operate"}),
}


def permitted(roles: Iterable[Role]) -> frozenset[Permission]:
    """All that the roles allow together.

    Example:
        >>> "approvals.decide" in permitted(["scientist"])
        False
    """
    return frozenset().union(*(ROLES[role] for role in roles))


def may_decide(approval: Approval, person: str) -> str:
    """Why this person may not answer this question; empty when they may."""
    if approval.state != "asked":
        return f"it is already {approval.state}"
    if person == approval.asked_by:
        return f"{person} asked for it, and nobody approves their own request"
    if person in approval.authors:
        return f"{person} made what is to be approved"
    return ""
