"""Statements that a conformance suite makes: plain functions, so that no test runner is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trueup.foundation.errors import TrueupError


def expect(holds: bool, otherwise: str) -> None:
    """Fail with a sentence unless something holds.

    Raises:
        AssertionError: It does not hold.
    """
    if not holds:
        raise AssertionError(otherwise)


def expect_error(kind: type[TrueupError], action: Callable[[], Any]) -> TrueupError:
    """The error that an action raises, which must be of `kind` and carry code and hint.

    Raises:
        AssertionError: It raises nothing, or an error that does not help.
    """
    try:
        result = action()
    except kind as error:
        expect(bool(error.code and error.message), "the error has no code or no message")
        expect(bool(error.hint), f"'{error.code}' has no hint")
        return error
    raise AssertionError(f"returned {result!r} instead of raising {kind.__name__}")
