"""`trueup runs ship`: send on what runs logged while nobody received it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.text import plural


@click.command("ship", cls=Command, example="trueup runs ship")
@click.option("--follow", "followed", default="", metavar="FOLDER", hidden=True)
@output.json_option
def command(followed: str, as_json: bool) -> None:
    """Ship what runs logged and nobody received yet, to the project or to the server of TRUEUP_URL.

    A process that logs starts this by itself. It is for what a killed machine or a long absence
    of the server left behind.
    """
    from trueup.app.running import shipping
    from trueup.lifecycle.runs.logging import outbox

    if followed:
        shipping.ship(Path(followed), follow=True)
        return
    places = {outbox.place(Path.cwd(), os.environ), outbox.of_user(os.environ)}
    shipped: list[shipping.Shipment] = []
    is_busy = False
    for place in sorted(each for each in places if outbox.writers(each)):
        done = shipping.ship(place)
        if done is None:
            is_busy = True
            output.say("Another process ships from {} right now.", place)
        else:
            shipped += done
    if as_json:
        output.emit_json(shipped)
        return
    for each in shipped:
        told = f"{plural(each.points, 'point')} and {plural(each.files, 'file')}"
        end = f"; the rest waits: {each.waits}" if each.waits else ""
        output.say("run:{}: {}{}", each.run or "?", told, end)
    if not shipped and not is_busy:
        output.say("Nothing waits.")
    output.next_step("trueup runs list")
