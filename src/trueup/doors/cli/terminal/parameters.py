"""Parameters of a pipeline on a command line: `-p NAME=VALUE` or `-p @FILE`, as often as needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trueup.foundation.errors import UsageError


def parameter_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-p NAME=VALUE` and `-p @FILE`; the command gets all of them as `given`."""
    return click.option(
        "-p",
        "--parameter",
        "given",
        multiple=True,
        metavar="NAME=VALUE|@FILE",
        help="Set a parameter, or those in a TOML or JSON file; may be repeated, the last counts.",
    )(function)


def pairs(given: tuple[str, ...]) -> dict[str, str]:
    """Parameters as a command line gives them, by name.

    Raises:
        UsageError: One is not written as NAME=VALUE, or a file of them cannot be read.
    """
    pairs: dict[str, str] = {}
    for text in given:
        if text.startswith("@"):
            pairs |= _in_file(Path(text[1:]))
            continue
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(
                "parameter-malformed",
                f"The parameter '{text}' is not written as NAME=VALUE.",
                hint=f"-p {name or 'NAME'}=VALUE",
            )
        pairs[name.strip()] = value
    return pairs


def _in_file(file: Path) -> dict[str, str]:
    """The values in a file, as a command line would say them."""
    import msgspec

    kind = msgspec.json if file.suffix == ".json" else msgspec.toml
    try:
        found = kind.decode(file.read_bytes())
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UsageError(
            "parameter-malformed",
            f"The parameters in '{file}' cannot be read: {error}.",
            hint=f"ls '{file}'   (TOML, or JSON when its name ends in .json)",
        ) from error
    if not isinstance(found, dict):
        raise UsageError(
            "parameter-malformed",
            f"'{file}' holds a {type(found).__name__}, and not values by name.",
            hint='write: {"depth": 6, "lr": 0.1}',
        )
    said = {name: msgspec.json.encode(value).decode() for name, value in found.items()}
    return said | {name: value for name, value in found.items() if isinstance(value, str)}


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
