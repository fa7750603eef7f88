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
    if few[0] is not None and few[1] is not None and a.values.size and b.values.size:
        values = np.union1d(few[0], few[1])
        tallies = [_tally_of(side.values, values) for side in (a, b)]
        found.append(("values", "chi-square", shifts.of_table(*tallies)))
        picture = pictures.of_values(values, *tallies)
    else:
        smirnov = samples.kolmogorov_smirnov(a.values, b.values)
        shift = shifts.of_samples(smirnov, a.values.size, b.values.size)
        found.append(("values", "Kolmogorov-Smirnov", shift))
        picture = pictures.of_numbers(a.values, b.values, reference.dtype)
    if a.missing or b.missing or a.infinite or b.infinite:
        table = [[side.values.size, side.missing, side.infinite] for side in (a, b)]
        found.append(("missing", "chi-square", shifts.of_table(*table)))
    return Measured(name, "numbers", sides, tuple(found), _of_numbers(a, b, sides[0]), picture)


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
    is_known = bool(labels) or not cells.any() or any(missing)
    shift = (
        shifts.of_table(*table) if is_known else shifts.untestable(reference.len(), current.len())
    )
    return Measured(
        name,
        "categories",
        (sides[0], sides[1]),
        (("values", "chi-square", shift),),
        _of_tables(*table),
        pictures.of_categories(labels, cells, missing),
        _rare(tallies[0], labels, cells) or _unseen(*tallies),
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
    return samples.sorted_sample((values.drop_nulls() if nulls else values).to_numpy(), nulls)


def _side(type_: str, sample: Sample) -> Side:
    values = sample.values
    if not values.size:
        return Side(type=type_, rows=sample.rows, missing=sample.missing, infinite=sample.infinite)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std())
    return Side(
        type=type_,
        rows=sample.rows,
        missing=sample.missing,
        infinite=sample.infinite,
        mean=_finite(mean),
        deviation=_finite(deviation),
        quantiles=tuple(samples.quantiles(values, _SHOWN).tolist()),
    )


def _of_numbers(a: Sample, b: Sample, reference: Side) -> dict[str, float]:
    if not (a.values.size and b.values.size):
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        moved = samples.wasserstein(a.values, b.values)
    found = {
        "kolmogorov_smirnov": samples.kolmogorov_smirnov(a.values, b.values),
        "wasserstein": moved,
    }
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


def _tally(values: pl.Series) -> pl.DataFrame:
    """How often each value occurs; missing ones left out."""
    counted = values.value_counts(name="times")
    counted.columns = ["value", "times"]
    return counted.drop_nulls("value").with_columns(pl.col("value").cast(pl.String))


def _cells(
    reference: pl.DataFrame, current: pl.DataFrame
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The frequent values of both sides, each a cell, and one for all others: names, counts [2, B].

    Frequent is what has enough rows on both sides together: who looks only at the reference does
    not see a new value come, and who looks at each side takes chance for change.
    """
    rows = np.array([int(side["times"].sum()) for side in (reference, current)])
    if not rows.all():
        top = (current if rows[1] else reference).top_k(_CELLS, by="times").sort("value")
        counts = [top["times"].to_list() if side else [0] * top.height for side in rows]
        labels = top["value"].to_list()
    else:
        least = _FEWEST * int(rows.sum()) / int(rows.min())
        both = reference.join(current, on="value", how="full", coalesce=True).fill_null(0)
        total = pl.col("times") + pl.col("times_right")
        top = both.filter(total >= least).sort([total, "value"], descending=[True, False])
        top = top.head(_CELLS)
        labels = top["value"].to_list()
        counts = [top["times"].to_list(), top["times_right"].to_list()]
    cells = np.array(counts, dtype=np.int64).reshape(2, len(labels))
    other = rows - cells.sum(axis=1)
    return labels, np.column_stack([cells, other]) if other.any() else cells


def _rare(reference: pl.DataFrame, labels: list[str], cells: npt.NDArray[np.int64]) -> str:
    """What is said where most rows hold rare values, which are compared as one."""
    rows = int(cells[0].sum())
    if cells.shape[1] == len(labels) or not rows:
        return ""
    share = int(cells[0, -1]) / rows
    if not labels:
        return (
            f"{plural(reference.height, 'different value')} in {plural(rows, 'row')}: each is too "
            "rare to be compared"
        )
    if share < _MOSTLY_RARE:
        return ""
    return f"{100 * share:.0f} % of the rows hold rare values, which are compared as one"


def _unseen(reference: pl.DataFrame, current: pl.DataFrame) -> str:
    """The values that the reference never had, if they are few enough to be named."""
    unseen = current.join(reference, on="value", how="anti")
    rows, all_rows = int(unseen["times"].sum()), int(current["times"].sum())
    if not rows:
        return ""
    share = 100 * rows / all_rows
    if unseen.height > 3:
        return f"{unseen.height:,} new values in {share:.3g} % of the rows"
    named = ", ".join(f"'{_cut(value)}'" for value in sorted(unseen["value"]))
    return f"new: {named} in {share:.3g} % of the rows"


def _cut(value: str) -> str:
    return value if len(value) <= 24 else value[:23] + "…"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
