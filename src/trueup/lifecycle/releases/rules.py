"""Decisions about releases: what an approval is bound to, where traffic goes.

Pure functions. What a version proves while it is tried out is decided in `judging/rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.plan import calendars
from trueup.lifecycle.plan.calendars import Calendar
from trueup.lifecycle.plan.deployments import Deployment, Strategy
from trueup.lifecycle.releases.records import Arm, Brake, Release, ReleaseState, Route, Step

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


def may_start_at(release: Release, at: datetime) -> None:
    """Refuse to start what is to start later.

    Raises:
        ConflictError: Naming the moment.
    """
    if release.starts_at is not None and at < release.starts_at:
        raise ConflictError(
            "release-scheduled",
            f"{release.ref} starts at {release.starts_at:%Y-%m-%d %H:%M} UTC, not before.",
            hint=f"trueup release schedule {release.deployment} --now",
        )


def calendar_allows(release: Release, calendar: Calendar, at: datetime) -> None:
    """Refuse a start or a step outside of the release calendar, unless it was overridden.

    Raises:
        ConflictError: Naming until when it waits, and why.
    """
    until = None if release.override else calendars.opens(calendar, at)
    if until is not None:
        raise ConflictError(
            "calendar-closed",
            f"{release.ref} waits until {until:%Y-%m-%d %H:%M} UTC: "
            f"{calendars.reason(calendar, at)}.",
            hint=f"trueup release schedule {release.deployment} --override-calendar --why REASON",
        )


def may_advance(release: Release) -> None:
    """Refuse to take a paused release further.

    Raises:
        ConflictError: Naming the reason of the pause.
    """
    if release.paused:
        raise ConflictError(
            "release-paused",
            f"{release.ref} is paused: {release.why}.",
            hint=f"trueup release resume {release.deployment}",
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


def steps(settings: Deployment, strategy: Strategy) -> tuple[Step, ...]:
    """The steps of a release; after the last one the new version serves everything."""
    canary, shadow, split = settings.canary, settings.shadow, settings.split
    shares = canary.steps or (canary.weight,)
    ramp = tuple(
        Step(weight=share, lasts=canary.lasts, rows=canary.rows) for share in shares if share < 1
    )
    if strategy == "canary":
        return ramp
    if strategy == "split":
        return (Step(weight=split.weight, lasts=split.lasts),)
    if strategy == "shadow":
        asks = shadow.then == "ask"
        beside = Step(weight=0.0, lasts=shadow.lasts, rows=shadow.rows, asks=asks)
        return (beside, *(ramp if shadow.then == "canary" else ()))
    return ()


def route(
    name: str, settings: Deployment, serving: Sequence[Release], brake: Brake | None = None
) -> Route:
    """Where a deployment's traffic goes, given its live and canary releases."""
    live = next((r for r in serving if r.state == "live"), None)
    canary = next((r for r in serving if r.state == "canary"), None)
    arms: list[Arm] = []
    if live is not None:
        weight = 1 - canary.weight if canary else 1.0
        arms.append(Arm(release=live.number, model_ref=live.model_ref, weight=weight))
    if canary is not None:
        weight = canary.weight if live else 1.0
        shadow = live is not None and canary.is_shadow
        arms.append(
            Arm(release=canary.number, model_ref=canary.model_ref, weight=weight, shadow=shadow)
        )
    # The salt changes with each ramp, so no entity is always the first to try what is new.
    ramp = canary or live
    salt = f"{name}:{ramp.number}" if ramp else name
    return Route(
        deployment=name,
        arms=tuple(arms),
        salt=salt,
        entity=settings.entity,
        stopped=f"{brake.stopped_by}: {brake.why}" if brake else "",
    )


def undone(
    place: str, serving: Sequence[Release], before: Release | None
) -> tuple[Release, Release]:
    """What a rollback takes away, and what serves afterwards.

    Args:
        place: The deployment.
        serving: Its live release and its canary.
        before: What the live release took over from.

    Raises:
        ConflictError: There is nothing to return to.
    """
    live = next((r for r in serving if r.state == "live"), None)
    canary = next((r for r in serving if r.state == "canary"), None)
    if canary is not None and live is not None:
        return canary, live
    if live is None or before is None:
        raise ConflictError(
            "nothing-to-return-to",
            f"Deployment '{place}' has no earlier release to return to.",
            hint=f"trueup deployment show {place}",
        )
    return live, before
