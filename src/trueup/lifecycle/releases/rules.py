"""Decisions about releases: what an approval is bound to, where traffic goes.

Pure functions. What a version proves while it is tried out is decided in `judging/rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.releases.records import Arm, Release, ReleaseState, Route

TRANSITIONS: Final[Mapping[ReleaseState, frozenset[ReleaseState]]] = {
    "requested": frozenset({"canary", "live", "rejected", "withdrawn"}),
    "canary": frozenset({"canary", "live", "rolled-back"}),  # to itself: held for a person
    "live": frozenset({"superseded", "rolled-back"}),
    "superseded": frozenset({"live"}),
    "rolled-back": frozenset(),
    "rejected": frozenset(),
    "withdrawn": frozenset(),
}


def may_become(release: Release, state: ReleaseState) -> None:
    """Refuse a change of state that makes no sense.

    Raises:
        ConflictError: Naming both states.
    """
    if state not in TRANSITIONS[release.state]:
        raise ConflictError(
            "release-state",
            f"{release.ref} is {release.state} and cannot become {state}.",
            hint=f"trueup deployment show {release.deployment}",
        )


def may_start(release: Release) -> None:
    """Refuse to start what has started or ended; a superseded release comes back by a rollback.

    Raises:
        ConflictError: Naming the state.
    """
    if release.state != "requested":
        raise ConflictError(
            "release-state",
            f"{release.ref} is {release.state}; only what is requested can start.",
            hint=f"trueup deployment show {release.deployment}",
        )


def approval_content(deployment: str, model_digest: str, verdict: Verdict) -> dict[str, str]:
    """What an approval is bound to: it dies when any of this changes.

    The verdict stands in it by what it says, so judging the same evidence again keeps it alive.
    """
    return {
        "deployment": deployment,
        "model": model_digest,
        "plan": verdict.statement.plan,
        "data": verdict.statement.data,
        "champion": verdict.statement.champion,
        "outcome": verdict.statement.outcome,
    }


def alias_content(name: str, model_digest: str, verdict: Verdict) -> dict[str, str]:
    """What an approval of a protected alias or stage is bound to; it dies as a release's does."""
    bound = approval_content("", model_digest, verdict)
    return {"alias": name.casefold(), **{key: bound[key] for key in bound if key != "deployment"}}


def route(name: str, settings: Deployment, serving: Sequence[Release]) -> Route:
    """Where a deployment's traffic goes, given its live and canary releases."""
    live = next((r for r in serving if r.state == "live"), None)
    canary = next((r for r in serving if r.state == "canary"), None)
    arms: list[Arm] = []
    if live is not None:
        weight = 1 - canary.weight if canary else 1.0
        arms.append(Arm(release=live.number, model_ref=live.model_ref, weight=weight))
    if canary is not None:
        weight = canary.weight if live else 1.0
        arms.append(Arm(release=canary.number, model_ref=canary.model_ref, weight=weight))
    # The salt changes with each ramp, so no entity is always the first to try what is new.
    ramp = canary or live
    salt = f"{name}:{ramp.number}" if ramp else name
    return Route(deployment=name, arms=tuple(arms), salt=salt, entity=settings.entity)
