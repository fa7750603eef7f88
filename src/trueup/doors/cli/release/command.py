"""`trueup release`: how versions come into deployments, and out of them."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal.grammar import LazyGroup


class _Releases(LazyGroup):
    folder = "trueup.doors.cli.release"
    verbs = {
        "propose": ("proposing", "propose"),
        "approve": ("answering", "approve"),
        "status": ("looking", "status"),
        "list": ("looking", "list_"),
        "schedule": ("proposing", "schedule"),
        "promote": ("operating", "promote"),
        "pause": ("operating", "pause"),
        "resume": ("operating", "resume"),
        "rollback": ("emergencies", "rollback"),
        "stop": ("emergencies", "stop"),
        "withdraw": ("operating", "withdraw"),
    }


@click.group(cls=_Releases)
def command() -> None:
    """How versions come into deployments, and out of them."""
