"""What the verbs of releases are made of: finding a release, and changing where it stands."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.releases import rules, table
from trueup.lifecycle.releases.records import Release, ReleaseState
from trueup.state.unit import Unit


def move(
    unit: Unit,
    release: Release,
    state: ReleaseState,
    at: datetime | None,
    why: str,
    weight: float = 0.0,
    event: str = "",
    said: str = "",
    **changed: object,
) -> Release:
    """Change where a release stands, and say so."""
    rules.may_become(release, state)
    values: dict[str, object] = {"state": state, "why": why, "weight": weight, **changed}
    if state != "canary":
        values["paused"] = False
    if state in ("canary", "live"):
        values["started_at"] = release.started_at or at
        values["ended_at"] = None
    else:
        values["ended_at"] = at
    unit.execute(
        table.releases.update()
        .where(
            table.releases.c.deployment == release.deployment,
            table.releases.c.number == release.number,
        )
        .values(**values)
    )
    data = {"model": release.model_ref, "weight": weight, "at": at.isoformat() if at else ""}
    names = {
        ("requested", "canary"): "release.canary-started",
        ("canary", "canary"): "release.held",
    }
    usual = "release.went-live" if state == "live" else f"release.{state}"
    unit.emit(
        event or names.get((release.state, state), usual),
        release.ref,
        before=release.state,
        after=state,
        why=why or said,
        data=data,
    )
    return found(unit.connection, release.deployment, release.number)


def set_paused(unit: Unit, release: Release, paused: bool, why: str) -> Release:
    """Pause a release, or let it go on."""
    values = {"paused": paused, "why": why if paused else ""}
    unit.execute(
        table.releases.update()
        .where(
            table.releases.c.deployment == release.deployment,
            table.releases.c.number == release.number,
        )
        .values(**values)
    )
    event = "release.paused" if paused else "release.resumed"
    unit.emit(event, release.ref, why=why, data={"model": release.model_ref})
    return found(unit.connection, release.deployment, release.number)


def undone(connection: sa.Connection, deployment: str) -> tuple[Release, Release]:
    """What a rollback takes away, and what serves afterwards."""
    serving = table.in_state(connection, deployment, ("live", "canary"))
    live = next((release for release in serving if release.state == "live"), None)
    before = table.release(connection, deployment, live.previous) if live else None
    return rules.undone(deployment, serving, before)


def tried_out(connection: sa.Connection, deployment: str) -> Release:
    """The release that is tried out in a place, or an error."""
    canary = serving_in(connection, deployment, "canary")
    if canary is None:
        raise no_canary(deployment)
    return canary


def follows(unit: Unit, release: Release, before: Release) -> None:
    """Note what a release really takes over from."""
    # What served when it was asked for may have been rolled back since: a rollback must lead here.
    unit.execute(
        table.releases.update()
        .where(
            table.releases.c.deployment == release.deployment,
            table.releases.c.number == release.number,
        )
        .values(previous=before.number)
    )


def found(connection: sa.Connection, deployment: str, number: int) -> Release:
    """A release, or an error."""
    release = table.release(connection, deployment, number)
    if release is None:
        raise NotFoundError(
            "release-not-found",
            f"There is no release:{deployment}@{number}.",
            hint=f"trueup deployment show {deployment}",
        )
    return release


def serving_in(connection: sa.Connection, deployment: str, state: ReleaseState) -> Release | None:
    """The release of a place in this state."""
    return next(iter(table.in_state(connection, deployment, (state,))), None)


def settings_of(planned: dict[str, Deployment], name: str) -> Deployment:
    """What the plan says of a place, or an error."""
    if name not in planned:
        raise NotFoundError(
            "deployment-not-found",
            f"The plan has no deployment '{name}'.{did_you_mean(name, planned)}",
            hint=f"add [deployments.{name}] to trueup.toml, or use: {', '.join(planned) or 'none'}",
        )
    return planned[name]


def no_canary(deployment: str) -> NotFoundError:
    """The error where nothing is tried out."""
    return NotFoundError(
        "canary-not-found",
        f"Deployment '{deployment}' has no canary.",
        hint=f"trueup deployment show {deployment}",
    )


def same_model(settings: Deployment, deployment: str, model: str) -> None:
    """Refuse another model than the place serves."""
    wanted = settings.model.partition("@")[0]
    if model != wanted:
        raise ConflictError(
            "deployment-model",
            f"Deployment '{deployment}' serves model '{wanted}', not '{model}'.",
            hint=f"trueup release propose {wanted} --to {deployment}",
        )
