"""What commands that forget ask in the same words: which stay, why, and all of it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from trueup.foundation import clock


def forgetting_options(things: str, of_each: str) -> Callable[..., Any]:
    """Add `--keep-last`, `--keep-days` (the moment `since` when), `--undo` and `--message`.

    Args:
        things: What is forgotten, in the plural.
        of_each: What has many of them.
    """

    def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option("-m", "--message", default="", metavar="TEXT", help="Why, in your words."),
            click.option("--undo", is_flag=True, help=f"Remember these {things} again."),
            click.option(
                "--keep-days",
                "since",
                type=click.IntRange(0, 36_500),
                callback=lambda _context, _option, days: None if days is None else days_ago(days),
                metavar="D",
                help="Keep what is younger than D days.",
            ),
            click.option(
                "--keep-last",
                type=click.IntRange(1, 1_000_000),
                metavar="N",
                help=f"Keep the N newest {things} of each {of_each}.",
            ),
        ):
            function = option(function)
        return function

    return decorator


def days_ago(days: int) -> datetime:
    """The moment so many days before now."""
    return clock.now() - timedelta(days=days)
