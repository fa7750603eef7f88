"""What a difference means: changes of the columns, and the size of a shift in a word. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from trueup.lifecycle.data.difference.records import ColumnChange, Effect
from trueup.statistics.drift import Drift

NEGLIGIBLE: Final = 0.02
SMALL: Final = 0.1  # below it the monitors stay silent
MODERATE: Final = 0.25
_CONFIDENCE: Final = 0.95

WORDS: Final[Mapping[Effect, str]] = {
    "none": "no more than chance",
    "negligible": "real, and too small to matter",
    "small": "small",
    "moderate": "moderate",
    "large": "large",
    "unknown": "too few rows to tell",
}


def schema_changes(
    before: Mapping[str, pl.DataType],
    after: Mapping[str, pl.DataType],
    *,
    is_guessed: bool = False,
    renamed: Mapping[str, str] | None = None,
) -> tuple[ColumnChange, ...]:
    """What became of the columns.

    Args:
        before: Names and types of the first table.
        after: Names and types of the second table.
        is_guessed: Whether a side's types were read out of text: then only a change of family
            (number, word, moment, truth) is one.
        renamed: Old name to new one, where the content proves it.
    """
    moved = dict(renamed or {})
    changes = []
    for name, type_ in before.items():
        new = moved.get(name, name)
        if new not in after:
            changes.append(_change("removed", name, "", type_, None))
        elif new != name:
            changes.append(_change("renamed", name, new, type_, after[new]))
        elif type_ != after[new] and not (is_guessed and family(type_) == family(after[new])):
            changes.append(_change("retyped", name, new, type_, after[new]))
    known = {*before, *moved.values()}
    changes += [
        _change("added", "", name, None, type_)
        for name, type_ in after.items()
        if name not in known
    ]
    return tuple(changes)


def family(type_: pl.DataType) -> str:
    """What kind of value a type holds, however it is stored.

    Example:
        >>> family(pl.Int8()) == family(pl.Float64()), family(pl.Date())
        (True, 'moment')
    """
    if type_.is_numeric():
        return "number"
    if type_.is_temporal():
        return "moment"
    if type_ in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return "word"
    return str(type_)


def effect(drift: Drift, adjusted: float) -> Effect:
    """The size of a shift, in a word.

    Args:
        drift: The test of the column.
        adjusted: Its p-value, corrected for the number of columns looked at.
    """
    if not (drift.n_reference and drift.n_current):
        return "unknown"
    if adjusted > 1 - _CONFIDENCE:
        return "none" if drift.minimum_detectable <= MODERATE else "unknown"
    index = drift.psi_corrected
    if index < NEGLIGIBLE:
        return "negligible"
    if index < SMALL:
        return "small"
    return "moderate" if index < MODERATE else "large"


def mover(bins: Sequence[str], before: Sequence[int], after: Sequence[int]) -> tuple[int, float]:
    """The cell whose share of the rows moved most, of equals one that grew; and by how much."""
    n, m = sum(before), sum(after)
    if not (n and m and bins):
        return -1, 0.0
    moves = [b / m - a / n for a, b in zip(before, after, strict=True)]
    place = max(range(len(bins)), key=lambda place: (round(abs(moves[place]), 9), moves[place]))
    return place, moves[place]


def finite(value: float | None) -> float | None:
    """The number, or nothing where JSON has no word for it."""
    return value if value is not None and math.isfinite(value) else None


def _change(
    state: str, before: str, after: str, was: pl.DataType | None, is_: pl.DataType | None
) -> ColumnChange:
    return ColumnChange(
        state=state,  # type: ignore[arg-type]
        before=before,
        after=after,
        type_before="" if was is None else str(was),
        type_after="" if is_ is None else str(is_),
    )
