"""The verbs of releases. `at` is the time of the traffic; for a live system it is now."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.foundation.records import builtins
from trueup.lifecycle.gates import standing as gates
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.moving import CHAMPION, move_alias
from trueup.lifecycle.plan import calendars
from trueup.lifecycle.plan.deployments import Strategy
from trueup.lifecycle.plan.records import Process
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import protection, rules, table
from trueup.lifecycle.releases.moves import (
    follows,
    found,
    move,
    same_model,
    serving_in,
    set_paused,
    settings_of,
    tried_out,
    undone,
)
from trueup.lifecycle.releases.protection import evidence
from trueup.lifecycle.releases.records import Outlook, Release, Route
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
        starts_at: datetime | None = None,
    ) -> Release:
        """Ask to put a model version into a deployment.

        `strategy` overrides the plan's for this one release; it starts no earlier than `starts_at`.

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
            settings = settings_of(plan.deployments, deployment)
            version = models.find(connection, model, selector)
            same_model(settings, deployment, version.model)
            verdict = evidence(connection, self._state.keys, version)
            for other in table.in_state(connection, deployment, ("requested", "canary", "live")):
                if other.version == version.version:
                    return other
                if other.state != "live":
                    raise ConflictError(
                        "release-in-progress",
                        f"{other.ref} ({other.model_ref}) is {other.state}; one release at a time.",
                        hint=f"trueup release withdraw {deployment}"
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
            taken = (strategy or settings.strategy) if live else "all-at-once"
            release = Release(
                deployment=deployment,
                number=earlier[0].number + 1 if earlier else 1,
                model=version.model,
                version=version.version,
                verdict=verdict.id,
                approval=approval,
                strategy=taken,
                weight=0.0,
                state="requested",
                requested_by=actor.name,
                requested_at=unit.at,
                previous=live.number if live else 0,
                why=why,
                steps=rules.steps(settings, taken),
                starts_at=starts_at,
            )
            kept = {"requested_at": unit.at, "starts_at": starts_at}
            unit.execute(table.releases.insert().values(**builtins(release) | kept))
            unit.emit(
                "release.requested",
                release.ref,
                after=version.digest,
                why=why,
                data={"model": version.ref, "verdict": verdict.id, "approval": approval},
            )
            return release

    def outlook(
        self,
        actor: Actor,
        deployment: str,
        model: str,
        selector: str = "",
        *,
        strategy: Strategy | None = None,
        starts_at: datetime | None = None,
    ) -> Outlook:
        """What `request` would do; nothing is changed.

        Raises:
            NotFoundError: There is no such deployment or version.
            GateFailedError: The version has no passing verdict under the plan in force.
        """
        with self._state.read(actor, "releases.request") as connection:
            plan = in_force(connection).plan
            settings = settings_of(plan.deployments, deployment)
            version = models.find(connection, model, selector)
            same_model(settings, deployment, version.model)
            verdict = evidence(connection, self._state.keys, version)
            earlier = table.of_deployment(connection, deployment)
            content = rules.approval_content(deployment, version.digest, verdict)
            given = people.approved(connection, version.ref, content)
        live = next((r for r in earlier if r.state == "live"), None)
        taken = (strategy or settings.strategy) if live else "all-at-once"
        approval = "not needed"
        if plan.process.template == "team":
            approval = f"given as {given.id}" if given else "a second person will be asked"
        busy = [r for r in earlier if r.state in ("requested", "canary")]
        return Outlook(
            release=Release(
                deployment=deployment,
                number=earlier[0].number + 1 if earlier else 1,
                model=version.model,
                version=version.version,
                verdict=verdict.id,
                approval=given.id if given else "",
                strategy=taken,
                weight=0.0,
                state="requested",
                requested_by=actor.name,
                requested_at=clock.now(),
                previous=live.number if live else 0,
                steps=rules.steps(settings, taken),
                starts_at=starts_at,
            ),
            approval=approval,
            replaces=live.model_ref if live else "",
            waits_for=busy[0].ref if busy else "",
            opens_at=calendars.opens(plan.calendar_of(deployment), starts_at or clock.now()),
        )

    def schedule(
        self, actor: Actor, deployment: str, starts_at: datetime, why: str = ""
    ) -> Release:
        """Set when the release that waits in a place shall start.

        Raises:
            NotFoundError: None waits.
        """
        with self._state.write(actor, "releases.request") as unit:
            waiting = _waiting(unit.connection, deployment)
            unit.execute(
                table.releases.update()
                .where(
                    table.releases.c.deployment == deployment,
                    table.releases.c.number == waiting.number,
                )
                .values(starts_at=starts_at)
            )
            data = {"starts_at": starts_at.isoformat()}
            unit.emit("release.scheduled", waiting.ref, why=why, data=data)
            return found(unit.connection, deployment, waiting.number)

    def override_calendar(self, actor: Actor, deployment: str, why: str) -> Release:
        """Let the release on its way start and go on outside of the calendar; on record.

        Raises:
            NotFoundError: None is on its way.
        """
        with self._state.write(actor, "releases.override") as unit:
            under_way = table.in_state(unit.connection, deployment, ("requested", "canary"))
            release = under_way[0] if under_way else _waiting(unit.connection, deployment)
            unit.execute(
                table.releases.update()
                .where(
                    table.releases.c.deployment == deployment,
                    table.releases.c.number == release.number,
                )
                .values(override=why)
            )
            unit.emit("release.calendar-overridden", release.ref, why=why)
            return found(unit.connection, deployment, release.number)

    def start(self, actor: Actor, deployment: str, number: int, at: datetime) -> Release:
        """Let an approved release take traffic: as a canary, or all of it.

        Raises:
            DeniedError: It is not approved, or what was approved has changed.
            GateFailedError: The version's verdict no longer counts.
            ConflictError: It has already started or ended.
        """
        with self._state.write(actor, "releases.operate") as unit:
            release = found(unit.connection, deployment, number)
            rules.may_start(release)
            plan = in_force(unit.connection).plan
            settings_of(plan.deployments, deployment)
            rules.may_start_at(release, at)
            rules.calendar_allows(release, plan.calendar_of(deployment), at)
            self._require_approval(unit, release, plan.process)
            if release.steps and serving_in(unit.connection, deployment, "live") is not None:
                first = release.steps[0]
                return move(unit, release, "canary", at, "", weight=first.weight, stepped_at=at)
            return self._go_live(unit, release, at, "released")

    def promote(
        self, actor: Actor, deployment: str, at: datetime, why: str = "promoted by hand"
    ) -> Release:
        """Give what is tried out all the traffic; the version beside it is kept for a rollback.

        A release that is paused goes on with this, too.

        Raises:
            NotFoundError: There is no canary.
            GateFailedError: It has no passing verdict under the plan in force.
        """
        with self._state.write(actor, "releases.operate") as unit:
            canary = tried_out(unit.connection, deployment)
            calendar = in_force(unit.connection).plan.calendar_of(deployment)
            rules.calendar_allows(canary, calendar, at)
            version = models.find(unit.connection, canary.model, str(canary.version))
            gates.require_passed(unit.connection, self._state.keys, version)
            return self._go_live(unit, canary, at, why)

    def advance(self, actor: Actor, deployment: str, at: datetime, why: str) -> Release:
        """Take a release to its next step; after the last one it serves everything.

        Raises:
            NotFoundError: Nothing is tried out.
            ConflictError: It is paused.
            GateFailedError: It has no passing verdict under the plan in force.
        """
        with self._state.write(actor, "releases.operate") as unit:
            canary = tried_out(unit.connection, deployment)
            rules.may_advance(canary)
            calendar = in_force(unit.connection).plan.calendar_of(deployment)
            rules.calendar_allows(canary, calendar, at)
            version = models.find(unit.connection, canary.model, str(canary.version))
            gates.require_passed(unit.connection, self._state.keys, version)
            following = canary.step + 1
            if following >= len(canary.steps):
                return self._go_live(unit, canary, at, why)
            weight = canary.steps[following].weight
            return move(
                unit,
                canary,
                "canary",
                at,
                "",
                weight=weight,
                event="release.advanced",
                said=why,
                step=following,
                stepped_at=at,
            )

    def pause(self, actor: Actor, deployment: str, why: str = "paused by hand") -> Release:
        """Keep what is tried out at its step until somebody resumes it; harm still ends it.

        Raises:
            NotFoundError: Nothing is tried out.
        """
        with self._state.write(actor, "releases.operate") as unit:
            canary = tried_out(unit.connection, deployment)
            return canary if canary.paused else set_paused(unit, canary, True, why)

    def roll_back(
        self,
        actor: Actor,
        deployment: str,
        at: datetime,
        why: str = "rolled back by hand",
        *,
        of: int = 0,
    ) -> Release:
        """Undo the newest change of what serves: end the canary, or return to the version before.

        With `of` only this release is taken away: when it serves no more, nothing is done.

        Returns:
            The release that serves now.

        Raises:
            ConflictError: There is nothing to return to.
        """
        with self._state.write(actor, "releases.operate") as unit:
            serving = table.in_state(unit.connection, deployment, ("live", "canary"))
            if of and of not in {release.number for release in serving}:
                return next(release for release in serving if release.state == "live")
            gone, before = undone(unit.connection, deployment)
            move(unit, gone, "rolled-back", at, why)
            if before.state == "live":
                return before
            back = move(unit, before, "live", at, f"{gone.ref} was rolled back", weight=1.0)
            move_alias(unit, back.model, CHAMPION, back.version, why)
            return back

    def hold(self, actor: Actor, deployment: str, why: str) -> Release:
        """Say that a canary's evidence does not decide and a person has to; said once.

        Raises:
            NotFoundError: There is no canary.
        """
        with self._state.write(actor, "releases.operate") as unit:
            canary = tried_out(unit.connection, deployment)
            if canary.why:
                return canary
            return move(unit, canary, "canary", canary.started_at, why, weight=canary.weight)

    def withdraw(self, actor: Actor, deployment: str, why: str = "") -> Release:
        """Take back a request that has not started.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.write(actor, "releases.request") as unit:
            waiting = _waiting(unit.connection, deployment)
            return move(unit, waiting, "withdrawn", None, why)

    def reject(self, actor: Actor, deployment: str, number: int, why: str) -> Release:
        """End a request whose approval was refused."""
        with self._state.write(actor, "releases.operate") as unit:
            return move(unit, found(unit.connection, deployment, number), "rejected", None, why)

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

    def waiting(self, actor: Actor) -> list[Release]:
        """All releases that were asked for and have not started."""
        with self._state.read(actor) as connection:
            return table.waiting(connection)

    def with_approval(self, actor: Actor, approval: str) -> list[Release]:
        """The releases that stand on an approval, newest first."""
        with self._state.read(actor) as connection:
            return table.with_approval(connection, approval)

    def routes(self, actor: Actor) -> dict[str, Route]:
        """Where the traffic of every deployment of the plan goes now."""
        with self._state.read(actor) as connection:
            planned = in_force(connection).plan.deployments
            brakes = table.stopped(connection)
            return {
                name: rules.route(
                    name,
                    settings,
                    table.in_state(connection, name, ("live", "canary")),
                    brakes.get(name),
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
                else f"trueup release withdraw {release.deployment}   (then ask again)",
            )

    def _go_live(self, unit: Unit, release: Release, at: datetime, why: str) -> Release:
        before = serving_in(unit.connection, release.deployment, "live")
        if before is not None:
            move(unit, before, "superseded", at, f"{release.ref} took over")
            follows(unit, release, before)
        live = move(unit, release, "live", at, why, weight=1.0)
        move_alias(unit, live.model, CHAMPION, live.version, why)
        return live


def _waiting(connection: sa.Connection, deployment: str) -> Release:
    waiting = table.in_state(connection, deployment, ("requested",))
    if not waiting:
        raise NotFoundError(
            "release-not-found",
            f"Deployment '{deployment}' has no release that waits.",
            hint=f"trueup deployment show {deployment}",
        )
    return waiting[0]
