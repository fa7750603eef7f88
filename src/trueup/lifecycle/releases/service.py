"""The verbs of releases. `at` is the time of the traffic; for a live system it is now."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates import standing as gates
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.moving import CHAMPION, move_alias
from trueup.lifecycle.plan.deployments import Deployment, Strategy
from trueup.lifecycle.plan.records import Process
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import protection, rules, table
from trueup.lifecycle.releases.protection import evidence
from trueup.lifecycle.releases.records import Release, ReleaseState, Route
from trueup.lifecycle.runs import table as runs
from trueup.people import service as people
from trueup.people import table as people_table
from trueup.people.records import Approval
from trueup.state.unit import State, Unit


class Releases:
    """What serves where, and how it got there."""

    def __init__(self, state: State) -> None:
        self._state = state

    def request(
        self,
        actor: Actor,
        deployment: str,
        model: str,
        selector: str = "",
        *,
        strategy: Strategy | None = None,
        why: str = "",
    ) -> Release:
        """Ask to put a model version into a deployment.

        `strategy` overrides the plan's for this one release.

        The same version asked for again gives the release there is. Where the process demands an
        approval, one is asked for; a yes that was given to exactly the same content still counts.

        Raises:
            NotFoundError: There is no such deployment or version.
            GateFailedError: The version has no passing verdict under the plan in force.
            ConflictError: Another release of this deployment is on its way.
        """
        with self._state.write(actor, "releases.request") as unit:
            connection = unit.connection
            plan = in_force(connection).plan
            settings = _settings(plan.deployments, deployment)
            version = models.find(connection, model, selector)
            _same_model(settings, deployment, version.model)
            verdict = evidence(connection, self._state.keys, version)
            for other in table.in_state(connection, deployment, ("requested", "canary", "live")):
                if other.version == version.version:
                    return other
                if other.state != "live":
                    raise ConflictError(
                        "release-in-progress",
                        f"{other.ref} ({other.model_ref}) is {other.state}; one release at a time.",
                        hint=f"trueup deployment withdraw {deployment}"
                        if other.state == "requested"
                        else f"trueup rollback {deployment}",
                    )
            approval = ""
            if plan.process.template == "team":
                content = rules.approval_content(deployment, version.digest, verdict)
                given = people.approved(connection, version.ref, content)
                run = runs.run(connection, version.manifest.run)
                authors = [run.started_by] if run else []
                question = f"release {version.ref} to {deployment}"
                given = given or people.ask(unit, version.ref, content, authors, why or question)
                approval = given.id
            earlier = table.of_deployment(connection, deployment)
            live = next((r for r in earlier if r.state == "live"), None)
            release = Release(
                deployment=deployment,
                number=earlier[0].number + 1 if earlier else 1,
                model=version.model,
                version=version.version,
                verdict=verdict.id,
                approval=approval,
                strategy=(strategy or settings.strategy) if live else "all-at-once",
                weight=0.0,
                state="requested",
                requested_by=actor.name,
                requested_at=unit.at,
                previous=live.number if live else 0,
                why=why,
            )
            unit.execute(
                table.releases.insert().values(**builtins(release) | {"requested_at": unit.at})
            )
            unit.emit(
                "release.requested",
                release.ref,
                after=version.digest,
                why=why,
                data={"model": version.ref, "verdict": verdict.id, "approval": approval},
            )
            return release

    def start(self, actor: Actor, deployment: str, number: int, at: datetime) -> Release:
        """Let an approved release take traffic: as a canary, or all of it.

        Raises:
            DeniedError: It is not approved, or what was approved has changed.
            GateFailedError: The version's verdict no longer counts.
            ConflictError: It has already started or ended.
        """
        with self._state.write(actor, "releases.operate") as unit:
            release = _found(unit.connection, deployment, number)
            rules.may_start(release)
            plan = in_force(unit.connection).plan
            settings = _settings(plan.deployments, deployment)
            self._require_approval(unit, release, plan.process)
            if release.strategy == "canary":
                return _move(unit, release, "canary", at, "", weight=settings.canary.weight)
            return self._go_live(unit, release, at, "released")

    def promote(
        self, actor: Actor, deployment: str, at: datetime, why: str = "promoted by hand"
    ) -> Release:
        """Give a canary all the traffic; the version beside it is kept for a rollback.

        Raises:
            NotFoundError: There is no canary.
            GateFailedError: It has no passing verdict under the plan in force.
        """
        with self._state.write(actor, "releases.operate") as unit:
            canary = _serving(unit.connection, deployment, "canary")
            if canary is None:
                raise _no_canary(deployment)
            version = models.find(unit.connection, canary.model, str(canary.version))
            gates.require_passed(unit.connection, self._state.keys, version)
            return self._go_live(unit, canary, at, why)

    def roll_back(
        self, actor: Actor, deployment: str, at: datetime, why: str = "rolled back by hand"
    ) -> Release:
        """Undo the newest change of what serves: end the canary, or return to the version before.

        Returns:
            The release that serves now.

        Raises:
            ConflictError: There is nothing to return to.
        """
        with self._state.write(actor, "releases.operate") as unit:
            connection = unit.connection
            live = _serving(connection, deployment, "live")
            canary = _serving(connection, deployment, "canary")
            if canary is not None and live is not None:
                _move(unit, canary, "rolled-back", at, why)
                return live
            before = table.release(connection, deployment, live.previous) if live else None
            if live is None or before is None:
                raise ConflictError(
                    "nothing-to-return-to",
                    f"Deployment '{deployment}' has no earlier release to return to.",
                    hint=f"trueup deployment show {deployment}",
                )
            _move(unit, live, "rolled-back", at, why)
            back = _move(unit, before, "live", at, f"{live.ref} was rolled back", weight=1.0)
            move_alias(unit, back.model, CHAMPION, back.version, why)
            return back

    def hold(self, actor: Actor, deployment: str, why: str) -> Release:
        """Say that a canary's evidence does not decide and a person has to; said once.

        Raises:
            NotFoundError: There is no canary.
        """
        with self._state.write(actor, "releases.operate") as unit:
            canary = _serving(unit.connection, deployment, "canary")
            if canary is None:
                raise _no_canary(deployment)
            if canary.why:
                return canary
            return _move(unit, canary, "canary", canary.started_at, why, weight=canary.weight)

    def withdraw(self, actor: Actor, deployment: str, why: str = "") -> Release:
        """Take back a request that has not started.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.write(actor, "releases.request") as unit:
            waiting = table.in_state(unit.connection, deployment, ("requested",))
            if not waiting:
                raise NotFoundError(
                    "release-not-found",
                    f"Deployment '{deployment}' has no release that waits.",
                    hint=f"trueup deployment show {deployment}",
                )
            return _move(unit, waiting[0], "withdrawn", None, why)

    def reject(self, actor: Actor, deployment: str, number: int, why: str) -> Release:
        """End a request whose approval was refused."""
        with self._state.write(actor, "releases.operate") as unit:
            return _move(unit, _found(unit.connection, deployment, number), "rejected", None, why)

    def ask_for_alias(
        self, actor: Actor, model: str, alias: str, selector: str = "", why: str = ""
    ) -> Approval:
        """Ask a second person whether a version may get a protected alias or stage.

        Raises:
            NotFoundError: There is no such version, or no plan.
            GateFailedError: It has no passing verdict.
            ConflictError: Nobody has to be asked.
        """
        with self._state.write(actor, "releases.request") as unit:
            return protection.ask(unit, self._state.keys, model, alias, selector, why)

    def of_deployment(self, actor: Actor, deployment: str) -> list[Release]:
        """All releases of a deployment, newest first."""
        with self._state.read(actor) as connection:
            return table.of_deployment(connection, deployment)

    def serving(self, actor: Actor) -> list[Release]:
        """All releases that take traffic now."""
        with self._state.read(actor) as connection:
            return table.serving(connection)

    def with_approval(self, actor: Actor, approval: str) -> list[Release]:
        """The releases that stand on an approval, newest first."""
        with self._state.read(actor) as connection:
            return table.with_approval(connection, approval)

    def routes(self, actor: Actor) -> dict[str, Route]:
        """Where the traffic of every deployment of the plan goes now."""
        with self._state.read(actor) as connection:
            planned = in_force(connection).plan.deployments
            return {
                name: rules.route(
                    name, settings, table.in_state(connection, name, ("live", "canary"))
                )
                for name, settings in planned.items()
            }

    def _require_approval(self, unit: Unit, release: Release, process: Process) -> None:
        connection = unit.connection
        version = models.find(connection, release.model, str(release.version))
        verdict = evidence(connection, self._state.keys, version)
        if process.template == "solo" and not release.approval:
            return
        approval = people_table.approval(connection, release.approval)
        content = rules.approval_content(release.deployment, version.digest, verdict)
        if people.approved(connection, version.ref, content) is None:
            state = f"approval {approval.id} is {approval.state}" if approval else "none was asked"
            raise DeniedError(
                "approval-needed",
                f"{release.ref} needs a second person's approval of exactly this content; {state}.",
                hint=f"trueup approve {approval.id} --as NAME"
                if approval and approval.state == "asked"
                else f"trueup deployment withdraw {release.deployment}   (then ask again)",
            )

    def _go_live(self, unit: Unit, release: Release, at: datetime, why: str) -> Release:
        before = _serving(unit.connection, release.deployment, "live")
        if before is not None:
            _move(unit, before, "superseded", at, f"{release.ref} took over")
            _follows(unit, release, before)
        live = _move(unit, release, "live", at, why, weight=1.0)
        move_alias(unit, live.model, CHAMPION, live.version, why)
        return live


def _move(
    unit: Unit,
    release: Release,
    state: ReleaseState,
    at: datetime | None,
    why: str,
    weight: float = 0.0,
) -> Release:
    rules.may_become(release, state)
    values: dict[str, object] = {"state": state, "why": why, "weight": weight}
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
        names.get((release.state, state), usual),
        release.ref,
        before=release.state,
        after=state,
        why=why,
        data=data,
    )
    return _found(unit.connection, release.deployment, release.number)


def _follows(unit: Unit, release: Release, before: Release) -> None:
    # What served when it was asked for may have been rolled back since: a rollback must lead here.
    unit.execute(
        table.releases.update()
        .where(
            table.releases.c.deployment == release.deployment,
            table.releases.c.number == release.number,
        )
        .values(previous=before.number)
    )


def _found(connection: sa.Connection, deployment: str, number: int) -> Release:
    release = table.release(connection, deployment, number)
    if release is None:
        raise NotFoundError(
            "release-not-found",
            f"There is no release:{deployment}@{number}.",
            hint=f"trueup deployment show {deployment}",
        )
    return release


def _serving(connection: sa.Connection, deployment: str, state: ReleaseState) -> Release | None:
    return next(iter(table.in_state(connection, deployment, (state,))), None)


def _settings(planned: dict[str, Deployment], name: str) -> Deployment:
    if name not in planned:
        raise NotFoundError(
            "deployment-not-found",
            f"The plan has no deployment '{name}'.{did_you_mean(name, planned)}",
            hint=f"add [deployments.{name}] to trueup.toml, or use: {', '.join(planned) or 'none'}",
        )
    return planned[name]


def _no_canary(deployment: str) -> NotFoundError:
    return NotFoundError(
        "canary-not-found",
        f"Deployment '{deployment}' has no canary.",
        hint=f"trueup deployment show {deployment}",
    )


def _same_model(settings: Deployment, deployment: str, model: str) -> None:
    wanted = settings.model.partition("@")[0]
    if model != wanted:
        raise ConflictError(
            "deployment-model",
            f"Deployment '{deployment}' serves model '{wanted}', not '{model}'.",
            hint=f"trueup release {wanted} --to {deployment}",
        )
