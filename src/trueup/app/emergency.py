"""Emergencies: servers obey an order at once; the database is told as soon as it can be.

An order that could not be put on record stays in its folder, is obeyed meanwhile, and is put on
record by the next command of this kind or by the automation of `trueup up`.
"""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError
from trueup.foundation.records import Record
from trueup.lifecycle.releases.orders import Order


class Obeyed(Record):
    """What became of an order.

    Attributes:
        order: What servers do.
        recorded: Whether the database says so already.
        trouble: Why not.
    """

    order: Order
    recorded: bool
    trouble: str = ""


def give(workspace: Workspace, order: Order) -> None:
    """Let servers obey an order from now on."""
    workspace.orders.give(order)


def record(workspace: Workspace, order: Order) -> Obeyed:
    """Put one order on record; again, or by two at once, it does nothing twice."""
    try:
        _record(workspace, order)
    except BackendError as error:
        return Obeyed(order=order, recorded=False, trouble=error.message)
    workspace.orders.take_away(order)
    return Obeyed(order=order, recorded=True)


def put_on_record(workspace: Workspace) -> list[Obeyed]:
    """Put all orders on record that still stand."""
    return [record(workspace, order) for order in workspace.orders.standing()]


def resume(workspace: Workspace, actor: Actor, deployment: str, why: str) -> str:
    """Let a place answer again; see `Brakes.resume`.

    Raises:
        BackendError: The stop is not on record yet, and cannot be put there.
    """
    for order in workspace.orders.standing():  # else it would be put on record afterwards
        if order.deployment == deployment:
            _record(workspace, order)
            workspace.orders.take_away(order)
    return workspace.brakes.resume(actor, deployment, why)


def _record(workspace: Workspace, order: Order) -> None:
    actor: Actor = order.actor
    if order.kind == "stop":
        workspace.brakes.stop(actor, order.deployment, order.at, order.why)
    else:
        workspace.releases.roll_back(actor, order.deployment, order.at, order.why, of=order.release)
