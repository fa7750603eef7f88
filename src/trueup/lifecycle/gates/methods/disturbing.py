"""Disturbing rows as the world does: noise, missing, extreme, mixed-up and unseen values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.plan.demands import Robustness

UNSEEN: Final = "never seen before"
MOST_UNITS: Final = 100  # more columns than this are disturbed several at a time
_FARTHEST_INTEGER: Final = 2.0**62
_ENDS: Final = (
    ("at its 1 % quantile", 0.01, 0.0),
    ("at its 99 % quantile", 0.99, 0.0),
    ("far below all that was seen", 0.0, -1.0),
    ("far above all that was seen", 1.0, 1.0),
)


class Way(NamedTuple):
    """One way to disturb rows.

    Attributes:
        kind: What happens, as a plan names it.
        columns: To which columns, all at once.
        name: That in words.
        level: How much: standard deviations of noise, place among the ends of a range.
    """

    kind: str
    columns: tuple[str, ...]
    name: str
    level: float = 0.0


def ways(demand: Robustness, signature: Signature) -> Iterator[Way]:
    """All ways that a demand asks for, for columns that can be disturbed so."""
    chosen = [c for c in signature.inputs if not demand.columns or c.name in demand.columns]
    numbers = tuple(c.name for c in chosen if c.kind in ("number", "integer"))
    words = tuple(c.name for c in chosen if c.kind == "text")
    choices = tuple(c.name for c in chosen if c.kind in ("text", "boolean"))
    nullable = tuple(c.name for c in chosen if c.nullable)
    if "noise" in demand.under and numbers:
        for sigma in demand.noise:
            yield Way("noise", numbers, f"noise of {sigma:g} standard deviations", sigma)
    if "missing" in demand.under:
        yield from (Way("missing", unit, f"{_of(unit)} missing") for unit in _units(nullable))
        for group in demand.together:
            yield Way("missing", group, f"{_of(group)} missing together")
    if "extremes" in demand.under:
        for unit in _units(numbers):
            for place, (name, _, _) in enumerate(_ENDS):
                yield Way("extremes", unit, f"{_of(unit)} {name}", place)
    if "swaps" in demand.under:
        yield from (Way("swaps", unit, f"{_of(unit)} mixed up") for unit in _units(choices))
    if "unseen" in demand.under:
        yield from (Way("unseen", unit, f"{_of(unit)} never seen") for unit in _units(words))


def disturbed(
    rows: pl.DataFrame, way: Way, reference: pl.DataFrame, generator: np.random.Generator
) -> pl.DataFrame:
    """The rows, disturbed in one way, by the scale and the values of the reference.

    Args:
        rows: As the model takes them.
        way: What happens to them.
        reference: Rows that the model knows, of the same columns.
        generator: Of chance.
    """
    made = []
    for name in way.columns:
        column, seen = rows[name], reference[name]
        if way.kind == "missing":
            changed = pl.Series(name, [None], dtype=column.dtype).new_from_index(0, rows.height)
        elif way.kind == "unseen":
            changed = pl.Series(name, [UNSEEN]).new_from_index(0, rows.height)
        elif way.kind == "swaps":
            changed = _drawn(seen, rows.height, generator)
        elif way.kind == "noise":
            changed = _noisy(column, seen, way.level, generator)
        else:
            changed = _extreme(column, seen, int(way.level))
        made.append(changed.alias(name))
    return rows.with_columns(made)


def halves(way: Way) -> tuple[Way, ...]:
    """The way for each half of its columns, to find the one that matters."""
    half = len(way.columns) // 2
    rest = way.name.rpartition(_of(way.columns))[2]
    units = (way.columns[:half], way.columns[half:])
    return tuple(way._replace(columns=unit, name=_of(unit) + rest) for unit in units)


def _units(columns: Sequence[str]) -> list[tuple[str, ...]]:
    size = -(-len(columns) // MOST_UNITS)
    return [tuple(columns[start : start + size]) for start in range(0, len(columns), size or 1)]


def _of(columns: Sequence[str]) -> str:
    if len(columns) <= 4:
        return ", ".join(columns)
    return f"{len(columns):,} columns from {columns[0]} to {columns[-1]}"


def _known(seen: pl.Series) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = seen.cast(pl.Float64).to_numpy()
    return np.asarray(values[np.isfinite(values)])


def _noisy(
    column: pl.Series, seen: pl.Series, sigmas: float, generator: np.random.Generator
) -> pl.Series:
    known = _known(seen)
    scale = float(known.std()) if known.size else 0.0
    noise = generator.normal(0.0, sigmas * scale, len(column)) if np.isfinite(scale) else 0.0
    return _like(column.cast(pl.Float64) + noise, column)


def _extreme(column: pl.Series, seen: pl.Series, place: int) -> pl.Series:
    known = _known(seen)
    if not known.size:
        return column
    _, share, beyond = _ENDS[place]
    value = float(np.quantile(known, share)) + beyond * float(known.max() - known.min())
    return _like(pl.Series([value]).new_from_index(0, len(column)), column)


def _like(values: pl.Series, column: pl.Series) -> pl.Series:
    if not column.dtype.is_integer():
        return values.cast(column.dtype)
    return values.round().clip(-_FARTHEST_INTEGER, _FARTHEST_INTEGER).cast(column.dtype)


def _drawn(seen: pl.Series, rows: int, generator: np.random.Generator) -> pl.Series:
    return seen.gather(generator.integers(0, len(seen), rows)) if len(seen) else seen
