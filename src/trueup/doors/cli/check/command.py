"""`trueup check`: a model version by the plan's gates, or anything else by checks of its own."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal.grammar import LazyGroup


class _Checks(LazyGroup):
    """The checks; a first word that is none of them is a model version."""

    folder = "trueup.doors.cli.check"
    verbs = {
        "version": ("version", "command"),
    }

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with `version` in front of what names no check."""
        if args and args[0] not in (*self.verbs, *ctx.help_option_names):
            args = ["version", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Checks)
def command() -> None:
    """Judge a model version by the plan's gates: trueup check MODEL@VERSION."""
