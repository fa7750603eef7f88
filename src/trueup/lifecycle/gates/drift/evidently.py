"""Parity: what Evidently's DataDriftPreset says of the same tables, test by test, to 1e-9.

For people who move and want to see the same numbers first. Its choice of tests, its cleaning and
its thresholds are kept as they are (version 0.7), also where `comparing.py` decides otherwise: the
test is chosen by the size of the reference alone, and nothing corrects for many columns. Columns of
free text, for which it trains a classifier on words, are said and left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.records import Record
from trueup.lifecycle.gates.drift.tables import Table, chosen
from trueup.statistics import samples

ColumnType = Literal["num", "cat", "text", "datetime", "unknown"]

_SMALL_REFERENCE: Final = 1000
_FEW_INTEGERS: Final = 10
_SMALLEST_DEVIATION: Final = 0.001
_DRIFTED_SHARE: Final = 0.5


class EvidentlyColumn(Record):
    """One column as Evidently judges it.

    Attributes:
        name: Of the column.
        type: Which type it takes it for.
        test: The name that it gives its test; empty if the column is left out.
        score: A p-value or a distance, by the test.
        threshold: What the score is held against.
        drifted: Its answer.
        words: Why there is none.
    """

    name: str
    type: ColumnType
    test: str = ""
    score: float | None = None
    threshold: float | None = None
    drifted: bool = False
    words: str = ""


class EvidentlyReport(Record):
    """Two tables as Evidently's DataDriftPreset judges them.

    Attributes:
        reference: What the first table is called.
        current: What the second table is called.
        columns: In the order of the reference.
        drifted: How many columns drifted.
        share: Of the columns that were compared.
        dataset_drift: Whether at least half of them did.
    """

    reference: str
    current: str
    columns: tuple[EvidentlyColumn, ...]
    drifted: int
    share: float
    dataset_drift: bool


class _Column(NamedTuple):
    """The values that a test looks at: numbers in order, or how often each value occurs."""

    numbers: npt.NDArray[np.float64] | None
    tally: dict[Any, int]
    rows: int


def compare(
    reference: Table, current: Table, columns: Sequence[str] = (), ignore: Sequence[str] = ()
) -> EvidentlyReport:
    """What Evidently says of two tables.

    Raises:
        UsageError: A column that is asked for is in neither table.
    """
    found = []
    for name in chosen(reference, current, columns, ignore):
        if name in reference.schema and name in current.schema:
            sides = [side.read([name])[name] for side in (reference, current)]
            found.append(_judged(name, sides[0], sides[1]))
        else:
            found.append(
                EvidentlyColumn(name=name, type="unknown", words="only one table has this column")
            )
    compared = [column for column in found if column.test]
    drifted = sum(column.drifted for column in compared)
    share = drifted / len(compared) if compared else 0.0
    return EvidentlyReport(
        reference=reference.name,
        current=current.name,
        columns=tuple(found),
        drifted=drifted,
        share=share,
        dataset_drift=bool(compared) and share >= _DRIFTED_SHARE,
    )


def type_of(values: pl.Series) -> ColumnType:
    """The type that Evidently infers from the values of the current table."""
    kind = values.dtype
    known = values.drop_nulls()
    if kind.is_float() or (kind.is_integer() and values.null_count()):
        return "num"  # pandas has no missing integers: they become floats
    if kind.is_signed_integer():
        return "cat" if values.n_unique() <= _FEW_INTEGERS else "num"
    if kind in (pl.Boolean, pl.Categorical, pl.Enum):
        return "cat"
    if kind == pl.String and known.len():
        return "text" if known.n_unique() > known.len() * 0.5 else "cat"
    return "datetime" if kind.is_temporal() else "unknown"


def _judged(name: str, reference: pl.Series, current: pl.Series) -> EvidentlyColumn:
    type_ = type_of(current)
    if type_ not in ("num", "cat"):
        why = {
            "text": "Evidently trains a classifier on its words, which is not done here",
            "datetime": "Evidently does not compare dates and times",
        }.get(type_, f"Evidently does not compare values of type {current.dtype}")
        return EvidentlyColumn(name=name, type=type_, words=why)
    if type_ == "num" and not reference.dtype.is_numeric():
        return EvidentlyColumn(name=name, type=type_, words="the reference holds no numbers")
    a, b = (_cleaned(side, type_) for side in (reference, current))
    if not (a.rows and b.rows):
        return EvidentlyColumn(name=name, type=type_, words="a side has no value")
    test, score, threshold, is_p = _tested(a, b, type_)
    # Of its tests that give p-values, only Kolmogorov-Smirnov's counts one at the limit.
    below = score <= threshold if test == "K-S p_value" else score < threshold
    return EvidentlyColumn(
        name=name,
        type=type_,
        test=test,
        score=score if math.isfinite(score) else None,
        threshold=threshold,
        drifted=below if is_p else score >= threshold,
    )


def _cleaned(values: pl.Series, type_: ColumnType) -> _Column:
    """Without what is missing or infinite."""
    if values.dtype.is_numeric():
        as_floats = values.drop_nulls().cast(pl.Float64).to_numpy()
        ordered = samples.sorted_sample(as_floats).values
        if type_ == "num":
            return _Column(ordered, {}, ordered.size)
        kept, times = np.unique(ordered, return_counts=True)
        return _Column(None, dict(zip(kept.tolist(), times.tolist(), strict=True)), ordered.size)
    known = values.drop_nulls()
    if values.dtype in (pl.Categorical, pl.Enum):
        known = known.cast(pl.String)
    counted = known.alias("value").value_counts(name="times")
    return _Column(None, dict(counted.iter_rows()), known.len())


def _tested(a: _Column, b: _Column, type_: ColumnType) -> tuple[str, float, float, bool]:
    """Name of the test, score, threshold, and whether the score is a p-value."""
    if a.numbers is not None and b.numbers is not None:
        values = np.union1d(a.numbers, b.numbers)
        if a.rows <= _SMALL_REFERENCE and values.size > 5:
            from scipy import stats

            found = stats.ks_2samp(a.numbers, b.numbers)
            return "K-S p_value", float(found.pvalue), 0.05, True
        if values.size > 5:
            deviation = max(float(a.numbers.std()), _SMALLEST_DEVIATION)
            moved = samples.wasserstein(a.numbers, b.numbers)
            return "Wasserstein distance (normed)", moved / deviation, 0.1, False
        keys = values.tolist()
        tallies = [_counted(side.numbers, values) for side in (a, b)]  # type: ignore[arg-type]
    else:
        keys = sorted({*a.tally, *b.tally})
        tallies = [np.array([side.tally.get(key, 0) for key in keys]) for side in (a, b)]
    if a.rows > _SMALL_REFERENCE:
        return "Jensen-Shannon distance", _jensen_shannon(*tallies), 0.1, False
    if len(keys) > 2:
        return "chi-square p_value", _chi_square(*tallies), 0.05, True
    return "Z-test p_value", _two_shares(*tallies), 0.05, True


def _counted(
    ordered: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    ends = np.searchsorted(ordered, values, side="right")
    return (ends - np.searchsorted(ordered, values, side="left")).astype(np.int64)


def _jensen_shannon(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> float:
    """With natural logarithms."""
    from scipy.spatial import distance

    return float(distance.jensenshannon(a / a.sum(), b / b.sum()))


def _chi_square(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> float:
    """The reference taken as the truth, scaled to the current rows."""
    from scipy import special

    expected = a * (b.sum() / a.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = float(np.sum((b - expected) ** 2 / expected))
    return float(special.chdtrc(a.size - 1, statistic))


def _two_shares(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> float:
    """The pooled z-test of two shares."""
    from scipy import special

    if a.size < 2:
        return 1.0
    n, m = int(a.sum()), int(b.sum())
    first, second = a[1] / n, b[1] / m
    pooled = (first * n + second * m) / (n + m)
    z = (first - second) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return float(2 * (1 - special.ndtr(abs(z))))
