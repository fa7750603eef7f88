"""Reading the parameters of a pipeline from a command line: `-p NAME=VALUE`, as often as needed."""

from __future__ import annotations

from trueup.foundation.errors import UsageError


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
