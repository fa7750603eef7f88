"""Values that are typed or piped in, and never shown."""

from __future__ import annotations

import sys

import click

from trueup.foundation.errors import UsageError


def value_of(what: str) -> str:
    """A value from standard input, or from a hidden prompt at a terminal.

    Args:
        what: Of what, for the prompt.

    Raises:
        UsageError: Standard input holds no text.
    """
    if sys.stdin.isatty():
        prompt = f"Value of {what} (hidden)"
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError(
            "secret-name",
            f"The value of '{what}' on standard input is no UTF-8 text.",
            hint=f"base64 token.bin | trueup secret set {what}",
        ) from error
    return text.removesuffix("\n").removesuffix("\r")
