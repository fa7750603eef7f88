"""`trueup score`: how well tested a model is; what people attest by hand."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal.grammar import LazyGroup


class _Scores(LazyGroup):
    folder = "trueup.doors.cli.score"
    verbs = {
        "show": ("show", "command"),
        "attest": ("attest", "command"),
    }
    otherwise = "show"


@click.group(cls=_Scores)
def command() -> None:
    """How well tested a model is, computed from live evidence: trueup score MODEL."""
