"""Looking first: what a command would do is shown, then done with --yes or once somebody agrees."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from trueup.doors.cli.terminal import output

_T = TypeVar("_T")


def offering_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--dry-run` and `--yes`."""
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Show what would go; do nothing."),
    ):
        function = option(function)
    return function


def offer(
    act: Callable[[bool], _T],
    show: Callable[[_T], int],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    then: str,
) -> None:
    """Look, show, ask, act.

    Args:
        act: Acts, or only looks if it is given True.
        show: Prints what was found; how many things would go.
        dry_run: Look and do nothing.
        yes: Act without asking.
        as_json: Print the result as data; nothing is asked then.
        then: The next command once it is done.
    """
    is_look = dry_run or not yes
    found = act(is_look)
    if as_json:
        output.emit_json(found)
        return
    count = show(found)
    asks = is_look and not dry_run and count > 0 and sys.stdin.isatty()
    if asks and click.confirm("Do it?", err=True):
        act(False)
        is_look = False
    if is_look and count:
        output.say("Nothing was done yet.")
        words = [shlex.quote(word) for word in sys.argv[1:] if word != "--dry-run"]
        output.next_step(f"trueup {' '.join(words)} --yes")
    else:
        output.next_step(then)
