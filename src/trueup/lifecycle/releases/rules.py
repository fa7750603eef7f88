"""Decisions about releases: what an approval is bound to, where traffic goes, what a canary proves.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from trueup.foundation.clock import parse_duration
from trueup.foundation.errors import ConflictError
from trueup.foundation.records import Record
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.plan.deployments import Canary, Deployment
from trueup.lifecycle.releases.records import Arm, Release, ReleaseState, Route
from trueup.statistics.sequential import means, shares

TRANSITIONS: Final[Mapping[ReleaseState, frozenset[ReleaseState]]] = {
    "requested": frozenset({"canary", "live", "rejected", "withdrawn"}),
    "canary": frozenset({"canary", "live", "rolled-back"}),  # to itself: held for a person
    "live": frozenset({"superseded", "rolled-back"}),
    "superseded": frozenset({"live"}),
    "rolled-back": frozenset(),
    "rejected": frozenset(),
    "withdrawn": frozenset(),
}

# Chance that a harmless canary is rolled back, over its whole life and all signals together.
CANARY_ALPHA = 0.05


class ArmEvidence(Record):
    """What one arm did while the canary ran.

    Attributes:
        rows: Rows it answered.
        failures: Rows it could not answer.
        labelled: Rows whose label has come.
        loss: Mean Brier score of those rows.
        variance: Variance of the Brier score over them.
    """

    rows: int
    failures: int
    labelled: int
    loss: float
    variance: float


class CanaryDecision(Record):
    """What the canary's evidence says.

    Attributes:
        action: `promote`, `roll-back`, `continue`, or `hold` for a person to decide.
        words: Why, with the figures.
        low: Lower end of the anytime-valid interval of (canary - control) Brier score.
        high: Its upper end.
    """

    action: Literal["promote", "roll-back", "continue", "hold"]
    words: str
    low: float
    high: float


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


def judge_canary(
    settings: Canary, started_at: datetime, now: datetime, canary: ArmEvidence, control: ArmEvidence
) -> CanaryDecision:
    """What to do with a canary: every look is valid, however often one looks.

    Harm proven rolls back at once. "No harm beyond the margin" promotes, after the agreed time.
    Neither continues; after four times the agreed time a person has to decide.
    """
    alpha = CANARY_ALPHA / 2  # two signals share the budget: failures and loss
    failures = canary.failures + control.failures
    if failures:
        evidence = shares.count_martingale(canary.failures, control.failures, settings.weight)
        if evidence >= 1 / alpha and canary.failures > settings.weight * failures:
            words = f"{canary.failures} of {failures} failures hit the canary"
            return CanaryDecision(action="roll-back", words=words, low=0.0, high=1.0)
    lasts = parse_duration(settings.lasts)
    ran = now - started_at
    waited_long = ran >= 4 * lasts
    if min(canary.labelled, control.labelled) < 2:
        words = f"{canary.labelled} labelled rows in the canary, {control.labelled} beside it"
        return CanaryDecision(
            action="hold" if waited_long else "continue", words=words, low=-1.0, high=1.0
        )
    low, high = means.mean_difference_sequence(
        canary.labelled,
        canary.loss,
        canary.variance,
        control.labelled,
        control.loss,
        control.variance,
        alpha=alpha,
    )
    words = (
        f"Brier score {canary.loss:.4f} in the canary and {control.loss:.4f} beside it, "
        f"difference between {low:+.4f} and {high:+.4f}"
    )
    if low > 0:
        return CanaryDecision(action="roll-back", words=words, low=low, high=high)
    if high < settings.margin and ran >= lasts:
        return CanaryDecision(action="promote", words=words, low=low, high=high)
    return CanaryDecision(
        action="hold" if waited_long else "continue", words=words, low=low, high=high
    )
