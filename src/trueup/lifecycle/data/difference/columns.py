"""One column of both tables: how many cells changed, and how its values moved.

The cells of a distribution are frozen from the first table and both are counted into them, with
the very functions that the monitors use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from trueup.lifecycle.data.difference import rules
from trueup.lifecycle.data.difference.records import ColumnDifference, Distribution
from trueup.rendering import words
from trueup.statistics import distances, summaries
from trueup.statistics.drift import Drift, benjamini_hochberg, drift_test
from trueup.statistics.summaries import Bins, Counts

# More distinct words than this are names of things, not a distribution; so are more than a few
# of which most occur once, and they may be the names of people.
_MOST_WORDS = 50_000
_FEW_WORDS = 100
_BARS = 14


class Measured(NamedTuple):
    """A column as it was counted; its words wait until all columns were tested."""

    name: str
    before: str
    type: str
    changed: int | None
    missing: tuple[int, int]
    means: tuple[float | None, float | None]
    bins: Bins | None
    labels: tuple[str, ...]
    counts: tuple[Counts, Counts] | None
    drift: Drift | None
    why_not: str


def measure(
    name: str,
    before_name: str,
    type_: pl.DataType,
    values: tuple[pl.Series, pl.Series],
    changed: int | None,
) -> Measured:
    """Count one column.

    Args:
        name: Its name in the second table.
        before_name: Its name in the first table, when it was another.
        type_: Its type in the second table.
        values: All values of both tables, in one type.
        changed: Cells that differ among rows of both.
    """
    missing = (_missing(values[0]), _missing(values[1]))
    bins, counts, why_not = _counted(*values)
    drift = None
    if bins is not None and counts is not None:
        drift = drift_test(
            summaries.comparable(bins, counts[0]), summaries.comparable(bins, counts[1])
        )
    return Measured(
        name=name,
        before=before_name,
        type=str(type_),
        changed=changed,
        missing=missing,
        means=(_mean(values[0]), _mean(values[1])),
        bins=bins,
        labels=() if bins is None else _labels(bins, values[0].dtype),
        counts=counts,
        drift=drift,
        why_not=why_not,
    )


def judged(measured: list[Measured]) -> tuple[ColumnDifference, ...]:
    """All columns with their words: p-values are corrected for how many columns were looked at."""
    tested = [each.drift.p_value for each in measured if each.drift is not None]
    adjusted = iter(benjamini_hochberg(tested)[0].tolist())
    return tuple(
        _difference(each, next(adjusted) if each.drift is not None else 1.0) for each in measured
    )


def _difference(each: Measured, adjusted: float) -> ColumnDifference:
    return ColumnDifference(
        name=each.name,
        before=each.before,
        type=each.type,
        changed=each.changed,
        missing_before=each.missing[0],
        missing_after=each.missing[1],
        mean_before=each.means[0],
        mean_after=each.means[1],
        distribution=_distribution(each, adjusted),
        why_not=each.why_not,
    )


def _distribution(each: Measured, adjusted: float) -> Distribution | None:
    if each.bins is None or each.counts is None or each.drift is None:
        return None
    before, after = each.counts
    seen = np.flatnonzero(before + after)
    # A value that all rows share is no matter of how many rows there are.
    both = bool(before.any() and after.any())
    is_still = both and seen.size == 1 and each.means[0] == each.means[1]
    effect = "none" if is_still else rules.effect(each.drift, adjusted)
    numbers = each.bins.kind == "numeric"
    smirnov = wasserstein = None
    if numbers:
        positions, first = summaries.ordered(each.bins, before)
        second = summaries.ordered(each.bins, after)[1]
        smirnov = rules.finite(distances.kolmogorov_smirnov(first, second))
        wasserstein = rules.finite(distances.wasserstein(positions, first, second))
    shown = tuple(each.labels[cell] for cell in seen)
    rows = tuple(tuple(int(side[cell]) for cell in seen) for side in (before, after))
    return Distribution(
        bins=shown,
        before=rows[0],
        after=rows[1],
        shape_before=_shape(each.bins, before),
        shape_after=_shape(each.bins, after),
        effect=effect,
        psi=rules.finite(each.drift.psi_corrected),
        noise_floor=rules.finite(each.drift.noise_floor),
        jensen_shannon=rules.finite(distances.jensen_shannon(before, after)),
        kolmogorov_smirnov=smirnov,
        wasserstein=wasserstein,
        p_value=adjusted,
        words=_sentence(effect, shown, *rows),
    )


def _shape(bins: Bins, counts: Counts) -> tuple[float, ...]:
    """A few bars for the eye: bins of equal frequency would look flat whatever they hold."""
    whole = float(counts.sum())
    if not whole:
        return (0.0,) * _BARS
    if bins.kind != "numeric" or bins.values or len(bins.edges) < 3:
        # Missing and unknown values last, what stands between joined where it is too much.
        inside = counts / whole
        if bins.kind == "numeric":
            below, above = inside[-2:]
            inside = inside[: -len(summaries.NUMERIC_EXTRAS)]
            inside[0] += below
            inside[-1] += above
        width = -(-inside.size // _BARS)
        joined = [float(inside[at : at + width].sum()) for at in range(0, inside.size, width)]
        return tuple(round(share, 4) for share in joined)
    below, above = float(counts[-2]), float(counts[-1])
    marks = np.array([bins.low, *bins.edges, bins.high], dtype=np.float64)
    grown = np.concatenate([[below], below + np.cumsum(counts[: marks.size - 1])])
    # The rarest values on both sides would squeeze all others: they share the outermost bars.
    ends = np.linspace(marks[1], marks[-2], _BARS - 1)
    inside = np.interp(ends, marks, grown)
    total = grown[-1] + above
    heights = np.diff(np.concatenate([[0.0], inside, [total]])) / whole
    return tuple(round(float(height), 4) for height in heights)


def _sentence(
    effect: str, bins: tuple[str, ...], before: tuple[int, ...], after: tuple[int, ...]
) -> str:
    said = rules.WORDS[effect]  # type: ignore[index]
    if effect in ("none", "unknown"):
        return said
    place, _ = rules.mover(bins, before, after)
    was, now = before[place] / sum(before), after[place] / sum(after)
    return f"{said}: {bins[place]} from {words.percent(was)} to {words.percent(now)} of the rows"


def _counted(
    before: pl.Series, after: pl.Series
) -> tuple[Bins | None, tuple[Counts, Counts] | None, str]:
    type_ = before.dtype
    if type_.is_numeric() or type_.is_temporal():
        first, second = _numbers(before), _numbers(after)
        bins = summaries.numeric_bins(first)
        return bins, (summaries.count(bins, first), summaries.count(bins, second)), ""
    if type_ in (pl.String, pl.Boolean):
        distinct = max(before.n_unique(), after.n_unique())
        rows = before.len() + after.len()
        if distinct > _MOST_WORDS or (distinct > _FEW_WORDS and distinct * 4 > rows):
            return None, None, f"{distinct:,} different values are names, not a distribution"
        tallies = [_tally(side) for side in (before, after)]
        bins = summaries.category_bins(tallies[0])
        return bins, (summaries.fold(bins, tallies[0]), summaries.fold(bins, tallies[1])), ""
    return None, None, f"{type_} has no distribution"


def _numbers(values: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    whole = values.to_physical() if values.dtype.is_temporal() else values
    return whole.cast(pl.Float64).to_numpy()


def _tally(values: pl.Series) -> dict[str | None, int]:
    counted = values.cast(pl.String).alias("word").value_counts(name="times")
    return dict(counted.select("word", "times").iter_rows())


def _missing(values: pl.Series) -> int:
    lost = int(values.is_nan().sum() or 0) if values.dtype.is_float() else 0
    return values.null_count() + lost


def _mean(values: pl.Series) -> float | None:
    if not values.dtype.is_numeric():
        return None
    known = values.cast(pl.Float64).fill_nan(None).mean()
    return rules.finite(float(known)) if isinstance(known, int | float) else None


def _labels(bins: Bins, type_: pl.DataType) -> tuple[str, ...]:
    if not type_.is_temporal() or bins.low is None or bins.high is None:
        return summaries.labels(bins)
    marks = [bins.low, *bins.edges, bins.high]
    if bins.values:
        named = _moments([float(value) for value in bins.values], type_)
    else:
        texts = _moments(marks, type_)
        named = [f"from {text}" for text in texts[:-1]]
    return (*named, *summaries.NUMERIC_EXTRAS)


def _moments(marks: list[float], type_: pl.DataType) -> list[str]:
    whole = pl.Series(marks).round().cast(pl.Int64)
    physical = pl.Series([], dtype=type_).to_physical().dtype
    return whole.cast(physical).cast(type_).cast(pl.String).to_list()
