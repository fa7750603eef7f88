"""`trueup release rollback` (in short `trueup rollback`) and `trueup release stop`.

Neither waits for a database that is locked, nor for anybody's yes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.release.proposing import planned
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock

if TYPE_CHECKING:
    from trueup.app.emergency import Obeyed


@click.command(
    "rollback", cls=Command, example='trueup rollback clinic --why "Complaints since noon"'
)
@click.argument("deployment")
@click.option("--why", default="rolled back by hand", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def rollback(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Undo the newest change of what serves: end the canary, or return to the release before.

    Servers of this machine obey at once, also while the database is locked.
    """
    from trueup.app import emergency

    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        actor = workspace.speaking_as(speaker)
        order = workspace.brakes.order_roll_back(actor, name, clock.now(), why)
        emergency.give(workspace, order)
        output.say("Servers of this machine obey from now on.")
        obeyed = emergency.record(workspace, order)
    if as_json:
        output.emit_json(obeyed)
        return
    (arm,) = order.route.arms
    line = output.state("live")
    line.append(f"  release:{name}@{arm.release}  {arm.model_ref}", style="not dim")
    output.show(line)
    output.say("\n{} serves all traffic of {} again.", arm.model_ref, name)
    _say_if_not_recorded(obeyed)
    output.next_step(f"trueup deployment show {name}")


@click.command("stop", cls=Command, example='trueup release stop clinic --why "Wrong units"')
@click.argument("deployment")
@click.option("--why", default="stopped by hand", metavar="TEXT", help="Told to callers, too.")
@output.as_option
@output.json_option
def stop(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Emergency brake: the deployment answers 503 with the reason until it is resumed.

    Servers of this machine obey at once, also while the database is locked.
    """
    from trueup.app import emergency

    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        actor = workspace.speaking_as(speaker)
        order = workspace.brakes.order_stop(actor, name, clock.now(), why)
        emergency.give(workspace, order)
        output.say("Servers of this machine obey from now on.")
        obeyed = emergency.record(workspace, order)
    if as_json:
        output.emit_json(obeyed)
        return
    line = output.state("stopped")
    line.append(f"  {name}", style="not dim")
    output.show(line)
    output.say("\n{} answers nobody until it is resumed.", name)
    _say_if_not_recorded(obeyed)
    output.next_step(f"trueup release resume {name}", f"trueup rollback {name}")


def _say_if_not_recorded(obeyed: Obeyed) -> None:
    if not obeyed.recorded:
        output.say(
            "It is not on record yet: {} `trueup up` or the next such command puts it on record.",
            obeyed.trouble,
        )
