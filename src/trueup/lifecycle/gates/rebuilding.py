"""What a version was made by, to be used again: its code, and training with something changed.

`app/rebuilding` does it; a check that needs it is not applicable where it cannot be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from trueup.foundation.records import Record
from trueup.ports.format import Predictor


class Change(Record):
    """How a training differs from the one that made the version.

    Attributes:
        arguments: Arguments of the step that trains, by name.
        blank: Column of the training rows that holds one value throughout; empty for none.
        value: That value.
        column: Column of the datasets that says how old a row is; empty for none.
        age: Rows younger than this many seconds, by that column, are left out.
        whole: Whether every step runs again, not only the one that trains.
    """

    arguments: dict[str, Any] = {}
    blank: str = ""
    value: Any = None
    column: str = ""
    age: float = 0.0
    whole: bool = False


@dataclass(frozen=True)
class Retrained:
    """What came of a change.

    Attributes:
        predict: The model; None when there is none.
        digest: Digest of its file.
        trouble: Why there is none.
        seconds: How long training took.
    """

    predict: Predictor | None
    digest: str = ""
    trouble: str = ""
    seconds: float = 0.0


class Code(NamedTuple):
    """The code of a version, built in a folder of its own.

    Attributes:
        root: The project in it.
        imports: Files that lie outside of the project and that it imports.
        commit: The Git commit.
        is_changed: Whether files differed from that commit when the version was made.
        project: The project that the version is registered in.
    """

    root: Path
    imports: Path
    commit: str
    is_changed: bool
    project: Path


class Rebuild(Protocol):
    """Uses again what made a version."""

    def train(self, changes: Sequence[Change]) -> list[Retrained]:
        """Train once for each change.

        Raises:
            NotHereError: It cannot be trained here.
        """
        ...

    def code(self) -> AbstractContextManager[Code]:
        """The code, for as long as the block takes.

        Raises:
            NotHereError: It cannot be built here.
        """
        ...


class NotHereError(Exception):
    """The version cannot be made again here; the message says why."""
