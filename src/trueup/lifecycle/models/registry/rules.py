"""Decisions about registered names and their tags. Pure functions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.lifecycle.models.registry.records import Kind

NAME: Final = 256
TAG_KEY: Final = 250
TAG: Final = 100_000
PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
PROMPT_TEXT: Final = "mlflow.prompt.text"
_KEY = re.compile(r"[/\w.\- :]+")


def check_name(name: str) -> None:
    """Refuse a name that a URI could not carry.

    Raises:
        UsageError: It is blank, too long, holds `/`, `:` or `@`, or reads as a path.
    """
    words = ""
    if any(each in name for each in "/:"):
        words = f"Invalid model name '{name[:300]}'. Names cannot contain '/' or ':'."
    elif not name.strip() or name in (".", ".."):
        words = f"Invalid value {name!r} for parameter 'name' supplied: it can be no name."
    elif "@" in name or any(ord(each) < 32 for each in name):
        words = (
            f"Invalid model name {name[:300]!r}. Names cannot contain '@' or control characters."
        )
    elif len(name) > NAME:
        words = f"'name' exceeds the maximum length of {NAME} characters"
    if words:
        raise UsageError(
            "model-name",
            words,
            hint="use letters, digits, '.', '_' and '-'",
            context={"words": words},
        )


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that cannot be kept.

    Raises:
        UsageError: A key is malformed, or a value too long.
    """
    for key, value in tags.items():
        clean = posixpath.normpath(key) if key else ""
        is_path = clean == key and clean != "." and not clean.startswith(("..", "/"))
        words = ""
        if len(key) > TAG_KEY:
            words = f"'key' exceeds the maximum length of {TAG_KEY} characters"
        elif not is_path or not _KEY.fullmatch(key):
            words = (
                f"Invalid value {key[:300]!r} for parameter 'key' supplied: Names may only "
                "contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
                "colon(:) and slashes (/), and read as a clean relative path."
            )
        elif len(value) > TAG and key == PROMPT_TEXT:
            words = f"Prompt text exceeds max length of {TAG} characters."
        elif len(value) > TAG:
            words = f"'value' exceeds the maximum length of {TAG} characters"
        if words:
            raise UsageError(
                "model-tag", words, hint="trueup explain model-tag", context={"words": words}
            )


def kind_of(tags: Mapping[str, str]) -> Kind:
    """Whether tags say that a name is a prompt's."""
    return "prompt" if tags.get(PROMPT_TAG, "").lower() == "true" else "model"


def check_kind(kind: Kind, tags: Mapping[str, str]) -> None:
    """Refuse that a name changes from a model's to a prompt's or back: other rules hold for each.

    Raises:
        UsageError: It would.
    """
    if PROMPT_TAG in tags and kind_of(tags) != kind:
        words = f"Tag '{PROMPT_TAG}' of a {kind} can't be changed after it was made."
        raise UsageError(
            "model-tag", words, hint="register it under another name", context={"words": words}
        )
