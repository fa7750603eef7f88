"""How commands look from outside: groups that know near names, help that ends with an example.

Only click may be imported here. Read `output.py` next: what commands print.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from trueup.foundation.text import nearest


class Command(click.Command):
    """A command whose help ends with a line to paste."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        with formatter.section("Example"):
            formatter.write(f"  {self.example}\n")


class Group(click.Group):
    """A noun whose verbs are commands; a mistyped verb gets the near one."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order they were written."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the near verb when there is none of that name."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise no_such_command(args[0], known, ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A noun whose verbs are imported when they are called.

    Attributes:
        folder: The package in which the modules lie.
        verbs: Module and name of each command, in order.
        otherwise: The verb that is meant when the first word is none; empty for an error.
    """

    folder = ""
    verbs: Mapping[str, tuple[str, str]] = {}
    otherwise = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with the verb in front that is meant when there is none."""
        if self.otherwise and args and args[0] not in (*self.verbs, *ctx.help_option_names):
            args = [self.otherwise, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs: those that were written down, then those that were added."""
        return [*self.verbs, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self.verbs:
            return super().get_command(ctx, cmd_name)
        module, name = self.verbs[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"{self.folder}.{module}"), name)
        return found


def no_such_command(word: str, known: list[str], ctx: click.Context) -> click.UsageError:
    """The error for a mistyped command, with the whole command that was probably meant."""
    near = nearest(word, known)
    error = click.UsageError(f"There is no command '{ctx.command_path} {word}'.", ctx)
    error.hint = f"{ctx.command_path} {near or '--help'}"  # type: ignore[attr-defined]
    return error
