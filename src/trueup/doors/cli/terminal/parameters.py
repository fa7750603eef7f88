"""Parameters of a pipeline on a command line: `-p NAME=VALUE`, as often as needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from trueup.foundation.errors import UsageError


def parameter_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-p NAME=VALUE`; the command gets all of them as `given`."""
    return click.option(
        "-p",
        "--parameter",
        "given",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a parameter of the pipeline; may be repeated.",
    )(function)


def pairs(given: tuple[str, ...]) -> dict[str, str]:
    """Parameters as a command line gives them, by name.

    Raises:
        UsageError: One is not written as NAME=VALUE.
    """
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(
                "parameter-malformed",
                f"The parameter '{text}' is not written as NAME=VALUE.",
                hint=f"-p {name or 'NAME'}=VALUE",
            )
        pairs[name.strip()] = value
    return pairs


def a_share(text: str) -> float:
    """A share as people write it: `5%` or `0.05`.

    Raises:
        UsageError: It is no number between none and all.
    """
    number, percent, _ = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise UsageError(
            "share-malformed",
            f"'{text}' is no share between 0% and 100%.",
            hint="trueup run --verify-cache 5%",
        )
    return value
