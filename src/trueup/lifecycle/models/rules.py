"""What follows from a model's training rows: its signature, its reference. Pure functions."""

from __future__ import annotations

import msgspec
import polars as pl

from trueup.foundation import digests
from trueup.foundation.errors import UsageError
from trueup.foundation.questions import Question
from trueup.lifecycle.models.answers import watched
from trueup.lifecycle.models.records import (
    Column,
    ColumnKind,
    ColumnReference,
    Manifest,
    Reference,
    Signature,
)
from trueup.lifecycle.runs.records import Run
from trueup.ports.format import Scores
from trueup.statistics import summaries

SCORE = "score"
UNSAID = Question()
# What a version takes from its run as it is, but for the run itself and where its code came from.
_OF_RUN = ("model", "pipeline", "parameters", "data", "code", "environment")


def address(manifest: Manifest) -> str:
    """The address of a model version: the digest of all that makes it."""
    return digests.of_record(manifest)


def is_made_of(manifest: Manifest, run: Run, features: dict[str, str]) -> bool:
    """Whether a run has made, of the same data, code and parameters, what a version holds."""
    candidate = run.candidate
    return candidate is not None and (
        (manifest.format, manifest.file) == (candidate.model.format, candidate.model.digest)
        and manifest.trained_on == candidate.trained_on.digest
        and manifest.holdout == candidate.holdout.digest
        and manifest.label == candidate.label
        and _answers(manifest.signature, candidate.question)
        and all(getattr(manifest, name) == getattr(run, name) for name in _OF_RUN)
        and manifest.features == features
    )


def signature_of(rows: pl.DataFrame, label: str, question: Question = UNSAID) -> Signature:
    """The signature that training rows imply: every column but the label, in order.

    What is ranked together says nothing about a row, so that column is no input either.

    Raises:
        UsageError: A column has a type that no request could carry, or the label is absent.
    """
    if label not in rows.columns:
        raise UsageError(
            "label-missing",
            f"The training rows have no label column '{label}'; they have "
            f"{', '.join(rows.columns[:8])}.",
            hint="name the label column in candidate(..., label=…)",
        )
    taken = signature_like(rows.drop(label, *filter(None, [question.group])))
    return msgspec.structs.replace(
        taken,
        task=question.task or "binary",
        classes=question.classes,
        levels=question.levels,
        group=question.group,
    )


def signature_like(rows: pl.DataFrame) -> Signature:
    """The signature whose inputs are the columns of these rows, in order.

    Raises:
        UsageError: A column has a type that no request could carry.
    """
    columns = [Column(name=name, kind=_kind(name, dtype)) for name, dtype in rows.schema.items()]
    return Signature(inputs=tuple(columns), output=SCORE)


def conform(rows: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """The signature's columns of `rows`, in its order and with its types."""
    return rows.select(
        pl.col(column.name).cast(_DTYPES[column.kind]) for column in signature.inputs
    )


def why_unfit(rows: pl.DataFrame, signature: Signature) -> str:
    """Why rows cannot be made to fit a signature whose columns they have; empty when they can."""
    for column in signature.inputs:
        found = rows[column.name]
        try:
            found.cast(_DTYPES[column.kind])
        except pl.exceptions.PolarsError:
            return f"its column '{column.name}' holds {found.dtype}, not {column.kind}"
    return ""


def reference_of(rows: pl.DataFrame, signature: Signature, scores: Scores) -> Reference:
    """The frozen bins and counts of the training rows, and of scores on rows set aside."""
    columns = {column.name: column_reference(rows[column.name]) for column in signature.inputs}
    columns[signature.output] = column_reference(pl.Series(watched(scores, signature)))
    return Reference(rows=rows.height, columns=columns)


def _answers(signature: Signature, said: Question) -> bool:
    """Whether a signature keeps to all that was said about its question."""
    return all(
        not getattr(said, name) or getattr(said, name) == getattr(signature, name)
        for name in ("task", "classes", "levels", "group")
    )


def column_reference(series: pl.Series) -> ColumnReference:
    """The frozen bins and counts of one column."""
    if series.dtype.is_numeric():
        values = series.cast(pl.Float64).to_numpy()
        bins = summaries.numeric_bins(values)
        counts = summaries.count(bins, values)
    else:
        words = series.cast(pl.String).to_list()
        bins = summaries.category_bins(words)
        counts = summaries.count(bins, words)
    return ColumnReference(bins=bins, counts=tuple(int(c) for c in counts))


_DTYPES: dict[ColumnKind, type[pl.DataType]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "boolean": pl.Boolean,
}


def _kind(name: str, dtype: pl.DataType) -> ColumnKind:
    if dtype.is_float():
        return "number"
    if dtype.is_integer():
        return "integer"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.String, pl.Categorical):
        return "text"
    raise UsageError(
        "signature-type",
        f"Column '{name}' of the rows is {dtype}, which a request cannot carry.",
        hint=f"turn '{name}' into a number, a string or a boolean in a step",
    )
