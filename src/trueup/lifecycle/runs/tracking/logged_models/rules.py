"""Decisions about logged models: what a name and a parameter may be. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.runs.tracking import rules

NAME: Final = 500
TAG: Final = 100_000
_BAD: Final = ("/", ":", ".", "%", '"', "'")
_ID = re.compile(r"m-[0-9a-f]{32}")


def is_model_id(text: str) -> bool:
    """Whether a text is an identifier as this server makes them."""
    return bool(_ID.fullmatch(text))


def check_name(name: str) -> None:
    """Refuse a name that could be taken for a path.

    Raises:
        UsageError: It is empty, too long, or holds one of the characters that paths are made of.
    """
    if not name or len(name) > NAME or any(each in name for each in _BAD):
        raise UsageError(
            "logged-model-name",
            f"'{name[:100]}' can be no name of a logged model: it may be up to {NAME} characters "
            f"long and hold none of {' '.join(_BAD)}",
            hint="trueup explain logged-model-name",
            context={"name": name[:300], "bad": list(_BAD)},
        )


def check_words(words: Mapping[str, str], kind: str, limit: int) -> None:
    """Refuse parameters or tags that cannot be kept.

    Raises:
        UsageError: A key is empty or too long, or a value is.
    """
    for key, value in words.items():
        if not key or len(key) > rules.KEY:
            raise UsageError(
                "tracked-key-malformed",
                f"'{key[:300]}' can be no name of a {kind}: it needs 1 to {rules.KEY} characters.",
                hint="trueup explain tracked-key-malformed",
                context={"kind": kind, "key": key[:300]},
            )
        rules.check_value(key, value, kind, limit)


def check_params(model_id: str, known: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Refuse a parameter that would change.

    Raises:
        ConflictError: One has another value already.
    """
    for key, value in given.items():
        if known.get(key, value) != value:
            raise ConflictError(
                "logged-model-param-set",
                f"Parameter '{key[:100]}' of logged model {model_id} is '{known[key][:100]}' and "
                f"can't become '{value[:100]}': parameters of a model never change.",
                hint="log it under another name",
            )
