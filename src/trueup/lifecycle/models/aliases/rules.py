"""Decisions about aliases and stages: what they may be called, and what moves add up to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Final

from trueup.foundation.clock import parse_moment
from trueup.foundation.errors import UsageError
from trueup.lifecycle.models.aliases.records import Move, Standing

LONGEST: Final = 255
LATEST: Final = "latest"
STAGES: Final = ("", "Staging", "Production", "Archived")
ACTIVE_STAGES: Final = ("Staging", "Production")
_ALIAS = re.compile(r"[\w\-]+")
_NUMBER = re.compile(r"[vV]\d+")


def check_alias(alias: str, *, new: bool = True) -> None:
    """Refuse what can be no alias; a `new` one must not read as a version either.

    Raises:
        UsageError: It is empty, too long, has other characters than letters, digits, `_` and `-`,
            or is `latest`, `v7` or `7`.
    """
    words = ""
    if not alias:
        words = "Registered model alias name cannot be empty."
    elif not _ALIAS.fullmatch(alias):
        words = (
            f"Invalid alias name: '{alias[:300]}'. Names may only contain alphanumerics, "
            "underscores (_), and dashes (-)."
        )
    elif len(alias) > LONGEST:
        words = f"'Registered model alias name' exceeds the maximum length of {LONGEST} characters"
    elif new and alias.lower() == LATEST:
        words = "'latest' alias name (case insensitive) is reserved."
    elif new and _NUMBER.fullmatch(alias):
        words = f"Version alias name '{alias}' is reserved."
    elif new and alias.isdecimal():
        words = f"Alias name '{alias}' is reserved: it reads as a version."
    if words:
        raise UsageError(
            "alias-malformed",
            words,
            hint="use letters, digits, '_' and '-', such as champion",
            context={"words": words},
        )


def canonical(text: str) -> str:
    """The stage that a text means, in any case of letters; `None` is no stage at all.

    Raises:
        UsageError: There is no such stage.
    """
    for known in STAGES:
        if text.casefold() == (known or "None").casefold():
            return known
    raise UsageError(
        "stage-unknown",
        f"Invalid Model Version stage: {text[:100]}. Value must be one of "
        + ", ".join(known or "None" for known in STAGES)
        + ".",
        hint="use one of: None, Staging, Production, Archived",
    )


def moment(text: str) -> datetime:
    """The moment that a text means; a day means its end, in UTC.

    Raises:
        UsageError: It is no moment.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(parse_moment(text).date(), time.max, UTC)
        return parse_moment(text)
    except ValueError as error:
        raise UsageError(
            "moment-malformed",
            f"'{text[:60]}' is no day and no moment.",
            hint="write it as 2026-05-03 or 2026-05-03T12:00:00Z",
        ) from error


def standing(model: str, at: datetime, moves: Iterable[Move]) -> Standing:
    """Where a model's aliases and stages stand after these moves, which are in order."""
    aliases: dict[str, int] = {}
    stages: dict[str, set[int]] = {}
    for move in moves:
        if move.what == "alias":
            if move.after is None:
                aliases.pop(move.name, None)
            else:
                aliases[move.name] = move.after
            continue
        if move.before is not None:
            stages.setdefault(move.name, set()).discard(move.before)
        if move.after is not None:
            stages.setdefault(move.name, set()).add(move.after)
    return Standing(
        model=model,
        at=at,
        aliases=dict(sorted(aliases.items())),
        stages={name: tuple(sorted(found)) for name, found in sorted(stages.items()) if found},
    )
