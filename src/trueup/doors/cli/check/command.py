"""`trueup check`: a model version by the plan's gates, or anything else by checks of its own."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal.grammar import LazyGroup


class _Checks(LazyGroup):
    folder = "trueup.doors.cli.check"
    verbs = {
        "version": ("version", "command"),
        "data": ("data", "command"),
        "model": ("model", "command"),
        "service": ("service", "command"),
        "replay": ("replay", "command"),
    }
    otherwise = "version"


@click.group(cls=_Checks)
def command() -> None:
    """Judge a model version by the plan's gates: trueup check MODEL@VERSION."""
