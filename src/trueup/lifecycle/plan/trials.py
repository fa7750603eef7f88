"""Tests of behaviour that a plan can demand of a model, after CheckList (Ribeiro et al. 2020)."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record

Value: TypeAlias = bool | int | float | str | None
Rows: TypeAlias = tuple[dict[str, Value], ...]
MOST_ROWS: Final = 1000  # they stand in the plan, which every verdict is bound to


class Invariance(Record, tag_field="test", tag="invariance"):
    """Other values in these columns change the answer by next to nothing.

    Attributes:
        name: What is claimed.
        columns: They get the values of other rows, all from the same one.
        by: What is added to numbers instead.
        within: How far an answer may move.
    """

    name: str
    columns: Annotated[tuple[str, ...], Meta(min_length=1)]
    by: float | None = None
    within: Annotated[float, Meta(ge=0)] = 0.01


class Direction(Record, tag_field="test", tag="direction"):
    """More of a number never moves the answer the wrong way.

    Attributes:
        name: What is claimed.
        column: The number that is raised.
        by: How much; negative lowers it.
        score: Where the answer may go.
        within: How far it may go the other way.
    """

    name: str
    column: str
    by: float
    score: Literal["rises", "falls"] = "rises"
    within: Annotated[float, Meta(ge=0)] = 0.0


class Minimum(Record, tag_field="test", tag="minimum"):
    """What must hold on rows that somebody wrote down, on every one of them.

    Attributes:
        name: What is claimed.
        rows: The rows, each with every input of the model; or a CSV file of the project. The plan
            holds what the file says.
        at_least: Smallest answer that will do.
        at_most: Largest answer that will do.
        says: Of a model of several classes: the most probable one.
    """

    name: str
    rows: str | Rows
    at_least: float | None = None
    at_most: float | None = None
    says: int | str | None = None


Trial: TypeAlias = Invariance | Direction | Minimum


def written(root: Path, file: str) -> Rows:
    """The rows of a CSV file of the project; what is empty is missing.

    Raises:
        UsageError: It lies elsewhere, cannot be read, or holds no rows or too many.
    """
    place = (root / file).resolve()
    if not place.is_relative_to(root.resolve()):
        raise _unfit(file, "lies outside of the project")
    try:
        table = list(csv.DictReader(StringIO(place.read_text(encoding="utf-8")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unfit(
            file, f"cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    if not 0 < len(table) <= MOST_ROWS:
        raise _unfit(file, f"holds {len(table):,} rows, and 1 to {MOST_ROWS:,} can be tested")
    if any(None in row or None in row.values() for row in table):
        raise _unfit(file, "has rows that are shorter or longer than its first line")
    return tuple({name: value or None for name, value in row.items()} for row in table)


def _unfit(file: str, what: str) -> UsageError:
    return UsageError(
        "plan-unsound",
        f"trueup.toml: a check of kind behaviour names the rows of {file}, which {what}.",
        hint="trueup explain plan-unsound",
    )
