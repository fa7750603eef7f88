"""Decisions about people: which role may do what, who may approve. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from trueup.foundation.permissions import PERMISSIONS, Permission
from trueup.people.records import Approval, Person, Role

ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    "owner": frozenset(PERMISSIONS),  # type: ignore[arg-type]
    "scientist": frozenset(
        {
            "read",
            "metrics.read",
            "plan.write",
            "data.write",
            "runs.write",
            "secrets.write",
            "models.write",
            "gates.run",
            "scores.attest",
            "releases.request",
            "monitoring.run",
            "feedback.create",
            "improvement.run",
        }
    ),
    "reviewer": frozenset(
        {"read", "metrics.read", "approvals.decide", "gates.run", "gates.waive", "scores.attest"}
    ),
    "operator": frozenset(
        {
            "read",
            "metrics.read",
            "releases.request",
            "releases.operate",
            "releases.override",
            "alerts.handle",
            "monitoring.run",
            "predictions.create",
            "feedback.create",
        }
    ),
    "viewer": frozenset({"read", "metrics.read"}),
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
            "webhooks.deliver",
        }
    ),
    "server": frozenset(
        {"read", "metrics.read", "predictions.create", "feedback.create", "releases.operate"}
    ),
}


def permitted(roles: Iterable[Role]) -> frozenset[Permission]:
    """All that the roles allow together.

    Example:
        >>> "approvals.decide" in permitted(["scientist"])
        False
    """
    return frozenset().union(*(ROLES[role] for role in roles))


def roles_after(before: Person | None, wanted: Iterable[Role]) -> list[Role]:
    """The roles that a person of the plan's team has: the plan's, and ownership once given."""
    kept = {role for role in (before.roles if before else ()) if role == "owner"}
    return sorted({*wanted, *kept})


def leaves(person: Person, team: Mapping[str, Collection[Role]]) -> bool:
    """Whether the plan no longer names this person; owners stay, and so do accounts."""
    return person.name not in team and "owner" not in person.roles and person.origin == "plan"


def team_changes(known: Mapping[str, Person], team: Mapping[str, Collection[Role]]) -> bool:
    """Whether this team gives or takes any role."""
    given = any(
        name not in known
        or roles_after(known[name], roles) != sorted(known[name].roles)
        or known[name].origin != "plan"
        for name, roles in team.items()
    )
    return given or any(leaves(person, team) for person in known.values())


def may_decide(approval: Approval, person: str) -> str:
    """Why this person may not answer this question; empty when they may."""
    if approval.state != "asked":
        return f"it is already {approval.state}"
    if person == approval.asked_by:
        return f"{person} asked for it, and nobody approves their own request"
    if person in approval.authors:
        return f"{person} made what is to be approved"
    return ""
