"""One column of two tables: exact distances, tests without their verdicts, and a picture.

Numbers are sorted once per side and categories counted once per side; everything else is read off
these. Read `rules.py` for what the numbers mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.text import plural
from trueup.lifecycle.gates.drift import pictures
from trueup.lifecycle.gates.drift.records import Kind, Picture, Side
from trueup.statistics import distances, samples, shifts, summaries
from trueup.statistics.samples import Sample
from trueup.statistics.shifts import Shift

_FEW_VALUES = 10  # of numbers: so few are names, and a table of them shows more than their order
_CELLS = 64
_FEWEST = 5.0  # rows that a cell must expect on both sides
_MOSTLY_RARE = 0.5
_PLAIN = frozenset(
    {pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64}
    | {pl.Float32, pl.Float64}
)
_SHOWN = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Measured(NamedTuple):
    """A column before its tests are judged together with those of all others.

    Attributes:
        name: Of the column.
        kind: What it holds.
        sides: Its values in the reference and now.
        shifts: What was asked, by `what` and the method's name.
        distances: By name.
        picture: Both distributions.
        note: What stands out, in words; why it was not compared, if it was not.
    """

    name: str
    kind: Kind
    sides: tuple[Side, Side]
    shifts: tuple[tuple[str, str, Shift], ...] = ()
    distances: dict[str, float] = {}
    picture: Picture = Picture()
    note: str = ""


def numbers(name: str, reference: pl.Series, current: pl.Series) -> Measured:
    """A column of numbers, or of moments counted from a beginning."""
    types = str(reference.dtype), str(current.dtype)
    a, b = _sample(reference), _sample(current)
    sides = _side(types[0], a), _side(types[1], b)
    found: list[tuple[str, str, Shift]] = []
    few = [samples.distinct(side.values, _FEW_VALUES) for side in (a, b)]
    smirnov = samples.kolmogorov_smirnov(a.values, b.values)
    if few[0] is not None and few[1] is not None and a.values.size and b.values.size:
        values = np.union1d(few[0], few[1])
        tallies = [_tally_of(side.values, values) for side in (a, b)]
        found.append(("values", "chi-square", shifts.of_table(*tallies)))
        picture = pictures.of_values(values, *tallies)
    else:
        shift = shifts.of_samples(smirnov, a.values.size, b.values.size)
        found.append(("values", "Kolmogorov-Smirnov", shift))
        picture = pictures.of_numbers(a.values, b.values, reference.dtype)
    if a.missing or b.missing or a.infinite or b.infinite:
        table = [[side.values.size, side.missing, side.infinite] for side in (a, b)]
        found.append(("missing", "chi-square", shifts.of_table(*table)))
    apart = _of_numbers(a, b, smirnov, sides[0])
    if reference.dtype.is_temporal():  # their mean, counted from a beginning, says nothing
        sides, picture = (_counted(sides[0]), _counted(sides[1])), Picture()
        apart.pop("wasserstein", None)
    return Measured(name, "numbers", sides, tuple(found), apart, picture)


def categories(name: str, reference: pl.Series, current: pl.Series) -> Measured:
    """A column of words or truths."""
    tallies = [_tally(side) for side in (reference, current)]
    missing = [side.null_count() for side in (reference, current)]
    sides = tuple(
        Side(type=str(side.dtype), rows=side.len(), missing=lost)
        for side, lost in zip((reference, current), missing, strict=True)
    )
    labels, cells = _cells(*tallies)
    table = np.column_stack([cells, missing]) if any(missing) else cells
    # Values that are all different say nothing, nor does a column that never had one.
    is_known = bool(labels) or (any(missing) and bool(cells.any()))
    shift = (
        shifts.of_table(*table) if is_known else shifts.untestable(reference.len(), current.len())
    )
    return Measured(
        name,
        "categories",
        (sides[0], sides[1]),
        (("values", "chi-square", shift),),
        _of_tables(*table) if is_known else {},
        pictures.of_categories(labels, cells, missing),
        _rare(len(tallies[0]), labels, cells) or _unseen(*tallies),
    )


def moments(name: str, reference: pl.Series, current: pl.Series) -> Measured:
    """A column of dates and times, which move on by themselves: said, and not judged."""
    sides = tuple(
        Side(type=str(side.dtype), rows=side.len(), missing=side.null_count())
        for side in (reference, current)
    )
    spans = [_span(side) for side in (reference, current)]
    note = f"time moves on by itself: {spans[0]} in the reference, {spans[1]} now"
    return Measured(name, "moments", (sides[0], sides[1]), note=note)


def _span(values: pl.Series) -> str:
    ends = [str(end)[:16].removesuffix(" 00:00") for end in (values.min(), values.max())]
    return " to ".join(ends) if values.len() > values.null_count() else "none"


def skipped(name: str, reference: pl.DataType, current: pl.DataType, why: str) -> Measured:
    """A column that cannot be compared."""
    return Measured(name, "other", (Side(type=str(reference)), Side(type=str(current))), note=why)


def _sample(values: pl.Series) -> Sample:
    if values.dtype.is_temporal():
        values = values.to_physical()
    if values.dtype not in _PLAIN:
        values = values.cast(pl.Float64, strict=False)
    nulls = values.null_count()
    known = values.drop_nulls() if nulls else values
    return samples.sorted_sample(known.to_numpy(writable=True), nulls, in_place=True)


def _side(type_: str, sample: Sample) -> Side:
    values = sample.values
    if not values.size:
        return Side(type=type_, rows=sample.rows, missing=sample.missing, infinite=sample.infinite)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = samples.moments(values)
    return Side(
        type=type_,
        rows=sample.rows,
        missing=sample.missing,
        infinite=sample.infinite,
        mean=_finite(mean),
        deviation=_finite(deviation),
        quantiles=tuple(samples.quantiles(values, _SHOWN).tolist()),
    )


def _counted(side: Side) -> Side:
    """How many values there are, and no more."""
    return Side(type=side.type, rows=side.rows, missing=side.missing, infinite=side.infinite)


def _of_numbers(a: Sample, b: Sample, smirnov: float, reference: Side) -> dict[str, float]:
    if not (a.values.size and b.values.size):
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        moved = samples.wasserstein(a.values, b.values)
    found = {"kolmogorov_smirnov": smirnov, "wasserstein": moved}
    if reference.deviation:
        found["wasserstein_by_deviation"] = moved / reference.deviation
    bins = summaries.bins_of_sorted(a.values)
    found |= _of_tables(*(summaries.count_sorted(bins, side.values) for side in (a, b)))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _of_tables(a: npt.ArrayLike, b: npt.ArrayLike) -> dict[str, float]:
    found = {
        "psi": distances.psi(a, b),
        "jensen_shannon": distances.jensen_shannon(a, b),
        "hellinger": distances.hellinger(a, b),
        "total_variation": distances.total_variation(a, b),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _tally_of(
    ordered: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    ends = np.searchsorted(ordered, values, side="right")
    starts = np.searchsorted(ordered, values, side="left")
    return (ends - starts).astype(np.int64)


def _tally(values: pl.Series) -> dict[str, int]:
    """How often each value occurs; missing ones left out."""
    kept, times = values.value_counts(name="times").get_columns()
    tally = dict(zip(kept.to_list(), times.to_list(), strict=True))
    tally.pop(None, None)
    if values.dtype == pl.Boolean:
        return {str(value).lower(): count for value, count in tally.items()}
    return tally


def _cells(
    reference: dict[str, int], current: dict[str, int]
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The frequent values of both sides, each a cell, and one for all others: names, counts [2, B].

    Frequent is what has enough rows on both sides together: who looks only at the reference does
    not see a new value come, and who looks at each side takes chance for change.
    """
    rows = [sum(side.values()) for side in (reference, current)]
    least = _FEWEST * sum(rows) / min(rows) if all(rows) else 0.0
    # Half of it on one side at least: of a million names few are looked at twice.
    frequent = {
        value
        for side in (reference, current)
        for value, times in side.items()
        if times >= least / 2
    }
    totals = {value: reference.get(value, 0) + current.get(value, 0) for value in frequent}
    ranked = sorted(
        (value for value, times in totals.items() if times >= least),
        key=lambda value: (-totals[value], value),
    )
    labels = ranked[:_CELLS]
    counts = [[side.get(value, 0) for value in labels] for side in (reference, current)]
    cells = np.array(counts, dtype=np.int64).reshape(2, len(labels))
    other = np.array(rows) - cells.sum(axis=1)
    return labels, np.column_stack([cells, other]) if other.any() else cells


def _rare(different: int, labels: list[str], cells: npt.NDArray[np.int64]) -> str:
    """What is said where most rows hold rare values, which are compared as one."""
    rows = int(cells[0].sum())
    if cells.shape[1] == len(labels) or not rows:
        return ""
    if not labels:
        return (
            f"{plural(different, 'different value')} in {plural(rows, 'row')}: each is too rare to "
            "be compared"
        )
    share = int(cells[0, -1]) / rows
    if share < _MOSTLY_RARE:
        return ""
    return f"{100 * share:.0f} % of the rows hold rare values, which are compared as one"


def _unseen(reference: dict[str, int], current: dict[str, int]) -> str:
    """The values that the reference never had, if they are few enough to be named."""
    unseen = current.keys() - reference.keys()
    if not unseen:
        return ""
    share = 100 * sum(current[value] for value in unseen) / sum(current.values())
    if len(unseen) > 3:
        return f"{len(unseen):,} new values in {share:.3g} % of the rows"
    named = ", ".join(f"'{_cut(value)}'" for value in sorted(unseen))
    return f"new: {named} in {share:.3g} % of the rows"


def _cut(value: str) -> str:
    return value if len(value) <= 24 else value[:23] + "…"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
