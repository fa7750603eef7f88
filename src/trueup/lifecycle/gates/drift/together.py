"""All columns at once: can a classifier tell the rows of one table from those of the other?

It finds what no single column shows, such as two columns that no longer go together. Trees of depth
3 answer for rows that they did not learn from; the area under their curve has a law of its own if
the tables are one, so that no fixed limit is needed. Needs scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from trueup.foundation.errors import MissingExtraError
from trueup.foundation.text import listing, plural
from trueup.lifecycle.gates.drift.records import (
    HARMFUL,
    DriftReport,
    Limits,
    Together,
    Verdict,
)
from trueup.lifecycle.gates.drift.tables import Table, chosen, kind_of
from trueup.rendering import words
from trueup.statistics import shifts

_MOST_ROWS: Final = 10_000
_FEWEST_ROWS: Final = 50
_FOLDS: Final = 5
_MOST_CATEGORIES: Final = 200
_NAMED: Final = 5
_LEAST_FALL: Final = 0.002
_SEED: Final = 7

Matrix = npt.NDArray[np.float64]


def tell_apart(
    reference: Table,
    current: Table,
    limits: Limits,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Together:
    """What a classifier makes of the two tables.

    At most 10,000 rows of each side, equally many, drawn by a fixed seed.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "sklearn") from error
    names = chosen(reference, current, columns, ignore)
    names = [name for name in names if name in reference.schema and name in current.schema]
    rows = min(reference.rows, current.rows, _MOST_ROWS)
    if rows < _FEWEST_ROWS:
        return _nothing(rows, f"{plural(rows, 'row')} a side are too few to learn from", {})
    sides = [_drawn(side.read(names), rows) for side in (reference, current)]
    seen, left_out = _columns(names, sides)
    if not seen:
        return _nothing(rows, "there is no column that it could learn from", left_out)
    matrix = np.vstack(
        [np.column_stack([side[name] for name in seen]) for side in _coded(sides, seen)]
    )
    labels = np.repeat([0, 1], rows)
    scores, models = _out_of_fold(matrix, labels)
    auc = _auc(labels, scores)
    deviation = math.sqrt((2 * rows + 1) / (12 * rows * rows))
    p_value = float(special.ndtr(-(auc - 0.5) / deviation))
    detectable = (
        2 * deviation * float(special.ndtri(1 - limits.false_alarms) + special.ndtri(shifts.POWER))
    )
    effect = max(0.0, 2 * auc - 1)
    if p_value <= limits.false_alarms:
        # What it tells apart is a change of at least this share of the rows.
        verdict: Verdict = "changed" if effect >= limits.effect else "negligible"
    else:
        verdict = "unchanged" if detectable <= limits.effect else "not-enough-data"
    by = _importance(matrix, labels, models, seen) if verdict == "changed" else {}
    return Together(
        auc=auc,
        p_value=p_value,
        effect=effect,
        detectable=detectable,
        rows=(rows, rows),
        verdict=verdict,
        words=_sentence(verdict, auc, p_value, rows, by),
        columns=by,
        left_out=left_out,
    )


def joined(report: DriftReport, found: Together) -> DriftReport:
    """A report with what the classifier found; its change is a change."""
    verdict = report.verdict
    if found.verdict in HARMFUL:
        verdict = "changed"
    elif verdict == "unchanged" and found.verdict == "not-enough-data":
        verdict = found.verdict
    return msgspec.structs.replace(report, together=found, verdict=verdict)


def _nothing(rows: int, why: str, left_out: dict[str, str]) -> Together:
    return Together(
        auc=0.5,
        p_value=1.0,
        effect=0.0,
        detectable=1.0,
        rows=(rows, rows),
        verdict="not-enough-data",
        words=f"all columns at once: {why}",
        left_out=left_out,
    )


def _sentence(verdict: Verdict, auc: float, p: float, rows: int, by: dict[str, float]) -> str:
    curve = f"area under its curve {words.number(auc)}, p {p:.2g}, {rows:,} rows a side"
    if verdict == "changed":
        most = listing(list(by)[:3])
        return f"a classifier tells the tables apart ({curve})" + (
            f", most by {most}" if most else ""
        )
    if verdict == "negligible":
        return f"a classifier tells the tables apart, too little to matter ({curve})"
    if verdict == "unchanged":
        return f"no classifier tells the tables apart ({curve})"
    return f"no classifier tells the tables apart, and these rows could not show it ({curve})"


def _drawn(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    return rows if rows.height == most else rows.sample(most, seed=_SEED)


def _columns(
    names: Sequence[str], sides: Sequence[pl.DataFrame]
) -> tuple[list[str], dict[str, str]]:
    """Which columns it may see: a date or a name of each row would tell the tables apart alone."""
    seen, left_out = [], {}
    for name in names:
        types = [side.schema[name] for side in sides]
        kinds = {kind_of(type_) for type_ in types}
        if kinds == {"categories"}:
            many = max(side[name].n_unique() for side in sides)
            if many > _MOST_CATEGORIES:
                left_out[name] = f"{many:,} different values"
                continue
        elif kinds != {"numbers"}:
            left_out[name] = "time moves on by itself" if "moments" in kinds else "of another type"
            continue
        seen.append(name)
    return seen, left_out


def _coded(sides: Sequence[pl.DataFrame], names: Sequence[str]) -> list[dict[str, Matrix]]:
    """Numbers as they are; categories by how frequent they are in both tables, rarest first."""
    coded: list[dict[str, Matrix]] = [{}, {}]
    for name in names:
        columns = [side[name] for side in sides]
        if kind_of(columns[0].dtype) == "numbers":
            for side, column in zip(coded, columns, strict=True):
                values = column.to_physical() if column.dtype.is_temporal() else column
                side[name] = _finite(values.cast(pl.Float64, strict=False).to_numpy())
            continue
        texts = [column.cast(pl.String) for column in columns]
        order = pl.concat(texts).drop_nulls().alias("value").value_counts(name="times")
        ranked = order.sort(["times", "value"])["value"].to_list()
        places = {value: float(place) for place, value in enumerate(ranked)}
        for side, column in zip(coded, texts, strict=True):
            side[name] = np.array([places.get(value, np.nan) for value in column.to_list()])
    return coded


def _finite(values: Matrix) -> Matrix:
    """Trees of scikit-learn take missing values and refuse infinite ones."""
    return np.clip(values, -1e300, 1e300)


def _out_of_fold(matrix: Matrix, labels: npt.NDArray[np.int64]) -> tuple[Matrix, list[Any]]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold

    scores = np.zeros(labels.size)
    models = []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for learned, asked in folds.split(matrix, labels):
        model = HistGradientBoostingClassifier(max_depth=3, max_iter=60, random_state=_SEED)
        model.fit(matrix[learned], labels[learned])
        scores[asked] = model.predict_proba(matrix[asked])[:, 1]
        models.append((model, asked))
    return scores, models


def _importance(
    matrix: Matrix, labels: npt.NDArray[np.int64], models: Sequence[Any], names: Sequence[str]
) -> dict[str, float]:
    """How far the area falls when a column is shuffled, on rows that were not learned from."""
    model, asked = models[0]
    rows, truth = matrix[asked], labels[asked]
    whole = _auc(truth, model.predict_proba(rows)[:, 1])
    order = np.random.default_rng(_SEED).permutation(asked.size)
    falls = {}
    for place, name in enumerate(names):
        shuffled = rows.copy()
        shuffled[:, place] = shuffled[order, place]
        falls[name] = whole - _auc(truth, model.predict_proba(shuffled)[:, 1])
    top = sorted(falls, key=lambda name: -falls[name])[:_NAMED]
    return {name: falls[name] for name in top if falls[name] > _LEAST_FALL}


def _auc(labels: npt.NDArray[np.int64], scores: Matrix) -> float:
    from scipy import stats

    ranks = stats.rankdata(scores)
    positive = int(labels.sum())
    above = float(ranks[labels == 1].sum()) - positive * (positive + 1) / 2
    return above / (positive * (labels.size - positive))
