"""The verbs of emergencies: what servers obey at once, and the brake that a person pulls.

An order is made of what can be read; `app/emergency.py` gives it to servers and then to the record.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.records import builtins
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import rules, table
from trueup.lifecycle.releases.moves import serving_in, set_paused, settings_of, undone
from trueup.lifecycle.releases.orders import Order
from trueup.lifecycle.releases.records import Brake
from trueup.state.unit import State


class Brakes:
    """What stops a place, or takes it back, without waiting for anybody."""

    def __init__(self, state: State) -> None:
        self._state = state

    def order_roll_back(
        self, actor: Actor, deployment: str, at: datetime, why: str = "rolled back by hand"
    ) -> Order:
        """What servers are to do at once for a rollback; `roll_back` puts it on record.

        Raises:
            ConflictError: There is nothing to return to.
        """
        with self._state.read(actor, "releases.operate") as connection:
            settings = settings_of(in_force(connection).plan.deployments, deployment)
            gone, back = undone(connection, deployment)
        serves = msgspec.structs.replace(back, state="live", weight=1.0)
        return Order(
            kind="rollback",
            deployment=deployment,
            by=actor.name,
            on_behalf_of=actor.on_behalf_of,
            why=why,
            at=at,
            route=rules.route(deployment, settings, [serves]),
            release=gone.number,
        )

    def order_stop(
        self, actor: Actor, deployment: str, at: datetime, why: str = "stopped by hand"
    ) -> Order:
        """What servers are to do at once for a stop; `stop` puts it on record.

        Raises:
            NotFoundError: The plan has no such place.
        """
        with self._state.read(actor, "releases.operate") as connection:
            settings = settings_of(in_force(connection).plan.deployments, deployment)
        brake = Brake(deployment=deployment, stopped_by=actor.name, why=why, stopped_at=at)
        return Order(
            kind="stop",
            deployment=deployment,
            by=actor.name,
            on_behalf_of=actor.on_behalf_of,
            why=why,
            at=at,
            route=rules.route(deployment, settings, [], brake),
        )

    def stop(
        self, actor: Actor, deployment: str, at: datetime, why: str = "stopped by hand"
    ) -> Brake:
        """Make a place answer nobody until it is resumed; a repeat does nothing.

        Raises:
            NotFoundError: The plan has no such place.
        """
        with self._state.write(actor, "releases.operate") as unit:
            settings_of(in_force(unit.connection).plan.deployments, deployment)
            known = table.stopped(unit.connection).get(deployment)
            if known is not None:
                return known
            brake = Brake(deployment=deployment, stopped_by=actor.name, why=why, stopped_at=at)
            unit.execute(table.brakes.insert().values(**builtins(brake) | {"stopped_at": at}))
            subject = f"deployment:{deployment}"
            unit.emit("deployment.stopped", subject, after="stopped", why=why)
            return brake

    def resume(self, actor: Actor, deployment: str, why: str = "resumed by hand") -> str:
        """Let a stopped place answer again, and let a paused release go on; a repeat does nothing.

        Returns:
            What was resumed, in words; empty where nothing was stopped or paused.
        """
        with self._state.write(actor, "releases.operate") as unit:
            done = []
            if deployment in table.stopped(unit.connection):
                unit.execute(table.brakes.delete().where(table.brakes.c.deployment == deployment))
                subject = f"deployment:{deployment}"
                unit.emit("deployment.resumed", subject, before="stopped", after="", why=why)
                done.append(f"{deployment} answers again")
            canary = serving_in(unit.connection, deployment, "canary")
            if canary is not None and (canary.paused or canary.why):
                set_paused(unit, canary, False, why)
                done.append(f"{canary.ref} goes on")
            return " and ".join(done)

    def stopped(self, actor: Actor) -> dict[str, Brake]:
        """The places that somebody has stopped."""
        with self._state.read(actor) as connection:
            return table.stopped(connection)
