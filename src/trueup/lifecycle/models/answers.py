"""What the numbers of a model mean: its question, its answers, the labels as metrics take them.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.errors import UsageError
from trueup.foundation.questions import Question, Task
from trueup.foundation.text import listing, plural
from trueup.lifecycle.models.records import Signature
from trueup.ports.format import Extra, OfMatrix, Predictor, Scores

Labels = npt.NDArray[np.float64]
UNSEEN = -1.0  # a label that is no class of the model; NaN is a label that is missing
_MOST_CLASSES = 1000


def question_of(said: Question, labels: pl.Series, width: int) -> Question:
    """The question that a model answers: as it was said, or else as label and model imply.

    Args:
        said: What somebody said about it.
        labels: Of the training rows.
        width: How many numbers the model itself gives for a row.

    Raises:
        UsageError: The labels cannot be those of such a question.
    """
    known = labels.drop_nulls()
    if known.dtype.is_float():
        known = known.drop_nans()
    if known.is_empty():
        raise _unfit(labels, "has no value at all")
    task = said.task or _implied(said, known, width)
    if task != "multiclass":
        if not (known.dtype.is_numeric() or known.dtype == pl.Boolean):
            raise _unfit(labels, f"holds {known.dtype}, which a {task} model does not predict")
        return Question(task=task, levels=said.levels, group=said.group)
    found = _classes(labels, known)
    if said.classes and (absent := [each for each in found if each not in said.classes]):
        raise _unfit(labels, f"holds {listing(map(repr, absent[:5]))}, which is none of classes")
    return Question(task="multiclass", classes=said.classes or found)


def _implied(said: Question, known: pl.Series, width: int) -> Task:
    if said.levels:
        return "quantile"
    if said.group:
        return "ranking"
    if said.classes or not (known.dtype.is_numeric() or known.dtype == pl.Boolean):
        return "multiclass"
    values = known.unique()
    if known.dtype == pl.Boolean or values.cast(pl.Float64).is_in([0.0, 1.0]).all():
        return "binary"
    # Counts are whole numbers, too: the model says which of both it predicts.
    is_whole = known.dtype.is_integer() or bool((known == known.floor()).all())
    return "multiclass" if is_whole and width == len(values) else "regression"


def _classes(labels: pl.Series, known: pl.Series) -> tuple[int | str, ...]:
    values = known.unique()
    if len(values) > _MOST_CLASSES:
        raise _unfit(labels, f"has {len(values):,} classes, more than {_MOST_CLASSES:,}")
    if known.dtype.is_float() and not bool((values == values.floor()).all()):
        raise _unfit(labels, "holds fractions, which are no classes")
    if known.dtype.is_numeric() or known.dtype == pl.Boolean:
        return tuple(sorted(int(value) for value in values))
    return tuple(sorted(str(value) for value in values))


class Shaped:
    """A model that answers as its signature says: [n], or [n, k] for several classes or levels.

    Args:
        predict: Gives what the model itself gives.
        signature: What it is to give.
    """

    def __init__(self, predict: Predictor, signature: Signature) -> None:
        self._predict = predict
        self._signature = signature

    def __call__(self, rows: pl.DataFrame) -> Scores:
        """The numbers, in the order of the rows."""
        return as_said(self._predict(rows), self._signature)

    def telling(self) -> Callable[[pl.DataFrame], tuple[Scores, Extra]] | None:
        """The same with what is said besides, where the model can say more."""
        told = getattr(self._predict, "told", None)
        if told is None:
            return None

        def tell(rows: pl.DataFrame) -> tuple[Scores, Extra]:
            scores, extra = told(rows)
            return as_said(scores, self._signature), extra

        return tell

    def of_matrix(self) -> OfMatrix | None:
        """The same for rows as a matrix of the signature's columns, where the model can do that."""
        inputs = self._signature.inputs
        for_columns = getattr(self._predict, "for_columns", None)
        if for_columns is None or any(column.kind == "text" for column in inputs):
            return None
        ask: OfMatrix | None = for_columns([column.name for column in inputs])
        return None if ask is None else lambda given: as_said(ask(given), self._signature)


def as_said(found: Scores, signature: Signature) -> Scores:
    """What a model gave, as its signature says.

    Raises:
        UsageError: The model gives another number of numbers.
    """
    width = 1 if found.ndim == 1 else found.shape[1]
    if not signature.width:
        if width == 1:
            return found
        if width == 2 and signature.task in ("binary", "ranking"):
            return np.ascontiguousarray(found[:, 1])
        wanted = "one number, or the probabilities of two classes"
        if signature.task == "regression":
            wanted = "one number"
    elif len(found) == 0:
        return np.zeros((0, signature.width))
    elif width == signature.width:
        return found.reshape(len(found), width)
    elif width == 1 and len(signature.classes) == 2:
        return np.stack([1 - found, found], axis=1)
    else:
        what = "classes" if signature.classes else "levels"
        wanted = f"{plural(signature.width, 'number')}, one for each of its {what}"
    raise UsageError(
        "model-output",
        f"The model gives {plural(width, 'number')} a row; "
        f"a {signature.task} model must give {wanted}.",
        hint="say which question it answers: candidate(..., task=…), and classes or levels",
        context={"task": signature.task, "width": width},
    )


def labels_of(rows: pl.DataFrame, label: str, signature: Signature) -> Labels:
    """The labels as metrics take them, shape [n]; NaN where one is missing.

    Classes are counted from 0 in the order of the signature; `UNSEEN` is none of them.
    """
    column = rows[label]
    if signature.task != "multiclass":
        return column.cast(pl.Float64, strict=False).to_numpy()
    words = all(isinstance(each, str) for each in signature.classes)
    known = column.cast(pl.String if words else pl.Float64, strict=False)
    if not words:
        known = known.fill_nan(None)
    frame = pl.DataFrame({"class": signature.classes}, schema={"class": known.dtype}, strict=False)
    place = pl.DataFrame({"class": known}).join(
        frame.with_row_index("place"), on="class", how="left", maintain_order="left"
    )["place"]
    found = place.cast(pl.Float64).fill_null(UNSEEN)
    return found.zip_with(column.is_not_null(), pl.repeat(None, len(found), eager=True)).to_numpy()


def beside_of(rows: pl.DataFrame, signature: Signature) -> Labels | None:
    """What metrics need besides labels and scores: groups of rows, levels of columns, or nothing.

    A row without a group gets NaN.

    Raises:
        UsageError: The rows lack the column that says which of them are ranked together.
    """
    if signature.levels:
        return np.asarray(signature.levels, dtype=np.float64)
    if not signature.group:
        return None
    if signature.group not in rows.columns:
        raise UsageError(
            "rows-unfit",
            f"The rows have no column '{signature.group}', which says what is ranked together; "
            f"they have {listing(rows.columns[:8])}.",
            hint="give rows with that column",
        )
    each = rows.select(group=signature.group)
    numbered = each.drop_nulls().unique(maintain_order=True).with_row_index("number")
    found = each.join(numbered, on="group", how="left", maintain_order="left")["number"]
    return found.cast(pl.Float64).to_numpy()


def said(signature: Signature) -> str:
    """What a model answers, in words for people.

    Example:
        >>> said(Signature(inputs=(), task="quantile", levels=(0.1, 0.9)))
        'the quantiles 0.1 and 0.9'
    """
    if signature.task == "multiclass":
        return f"the probabilities of {listing(map(str, signature.classes))}"
    if signature.task == "quantile":
        return f"the quantiles {listing(f'{level:g}' for level in signature.levels)}"
    if signature.task == "ranking":
        return f"how high a row ranks among those of its {signature.group}"
    return "the probability of label 1" if signature.task == "binary" else "a number"


def watched(scores: Scores, signature: Signature) -> Scores:
    """One number a row for a reference: the share of the most probable class, the middle level."""
    if scores.ndim == 1:
        return scores
    if signature.task == "multiclass":
        return np.asarray(scores.max(axis=1, initial=0.0), dtype=np.float64)
    return scores[:, scores.shape[1] // 2]


def unfit(scores: Scores, signature: Signature) -> tuple[int, str]:
    """How many answers no model of this task may give, and that in words; empty for none.

    Example:
        >>> unfit(np.array([0.2, 1.5]), Signature(inputs=()))
        (1, '1 of 2 answers is no probability')
    """
    if not len(scores):
        return 0, ""
    each = scores.reshape(len(scores), -1)
    wrong, what = ~np.isfinite(each).all(axis=1), "finite number"
    if signature.task in ("binary", "multiclass"):
        wrong, what = ~((each >= 0) & (each <= 1)).all(axis=1), "probability"
    if signature.task == "multiclass" and not wrong.any():
        wrong = np.abs(each.sum(axis=1) - 1) > 1e-3
        what = "set of probabilities: they do not sum to 1"
    count = int(np.count_nonzero(wrong))
    verb = "is" if count == 1 else "are"
    return count, f"{count:,} of {len(scores):,} answers {verb} no {what}" if count else ""


def unfit_labels(labels: Labels, signature: Signature, values: Any = ()) -> str:
    """Which labels no model of this task can be judged by; empty when there are none.

    Args:
        labels: As `labels_of` gives them.
        signature: Of the model.
        values: What the label column itself says, to name classes that the model does not know.
    """
    wrong, what = np.isnan(labels), "missing, or no number"
    if wrong.any():
        return _counted(wrong, what)
    if signature.task == "binary":
        wrong, what = ~np.isin(labels, (0.0, 1.0)), "neither 0 nor 1"
    elif signature.task == "multiclass":
        wrong = labels == UNSEEN
        named = sorted({str(v) for v, is_unseen in zip(values, wrong, strict=False) if is_unseen})
        known = f" ({listing([repr(each) for each in named[:5]])})" if named else ""
        what = f"of a class that the model does not know{known}"
    elif signature.task == "ranking":
        wrong, what = ~((labels >= 0) & (labels < np.inf)), "no measure of how relevant a row is"
    else:
        wrong, what = np.isinf(labels), "infinite"
    return _counted(wrong, what) if wrong.any() else ""


def _counted(wrong: npt.NDArray[np.bool_], what: str) -> str:
    count = int(np.count_nonzero(wrong))
    return f"{count:,} of {len(wrong):,} labels {'is' if count == 1 else 'are'} {what}"


def _unfit(labels: pl.Series, what: str) -> UsageError:
    return UsageError(
        "label-unfit",
        f"The label column '{labels.name}' {what}.",
        hint="say which question the model answers: candidate(..., task=…), and classes or levels",
        context={"column": labels.name},
    )
