"""The nouns of aliases and of their history."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record


class Move(Record):
    """One move of an alias or a stage.

    Attributes:
        at: When.
        by: Who.
        on_behalf_of: For whom, when a service did it.
        what: An alias has one version at a time; a stage may have several.
        name: Name of the alias or stage.
        before: Version it left; None when it is new.
        after: Version it went to; None when it was taken away.
        why: The reason given.
    """

    at: datetime
    by: str
    on_behalf_of: str
    what: Literal["alias", "stage"]
    name: str
    before: int | None
    after: int | None
    why: str = ""


class Standing(Record):
    """Where aliases and stages stood at a moment.

    Attributes:
        model: Registered name.
        at: The moment.
        aliases: Alias to version.
        stages: Stage to versions, lowest first.
    """

    model: str
    at: datetime
    aliases: dict[str, int]
    stages: dict[str, tuple[int, ...]]


class History(Record):
    """Every move of a model's aliases and stages, oldest first, and where they stood.

    Attributes:
        standing: At the moment asked about.
        moves: Until that moment.
    """

    standing: Standing
    moves: tuple[Move, ...]
