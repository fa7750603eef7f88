"""`trueup data`: versions of the datasets that the plan declares or somebody added."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal.grammar import LazyGroup


class _Data(LazyGroup):
    folder = "trueup.doors.cli.data"
    verbs = {
        "list": ("looking", "list_"),
        "show": ("looking", "show"),
        "diff": ("diff", "command"),
        "import": ("importing", "command"),
        "add": ("keep", "add"),
        "snapshot": ("keep", "snapshot"),
        "status": ("status", "command"),
        "checkout": ("keep", "checkout"),
        "log": ("versions", "log"),
        "branch": ("versions", "branch"),
        "merge": ("versions", "merge"),
        "verify": ("versions", "verify"),
        "forget": ("forget", "command"),
        "gc": ("versions", "gc"),
        "push": ("exchange", "push"),
        "pull": ("exchange", "pull"),
        "remotes": ("exchange", "remotes"),
        "schema": ("schema", "command"),
    }


@click.group(cls=_Data)
def command() -> None:
    """Versions of data."""
