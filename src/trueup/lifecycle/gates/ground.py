"""The rows that a version is judged on: those its pipeline set aside, or those somebody names.

A version that a client of another tool registered brings no rows; it is judged on what is named.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from trueup.foundation.errors import GateFailedError, UsageError
from trueup.foundation.text import listing
from trueup.lifecycle.gates.records import HOLDOUT, Ground, Statement
from trueup.lifecycle.models import rules
from trueup.lifecycle.models.records import ModelVersion, Signature
from trueup.ports.blobs import Blobs

if TYPE_CHECKING:
    import polars as pl


class GivenRows(NamedTuple):
    """Rows that somebody names for a judgement.

    Attributes:
        rows: With every input of the version, and the label.
        named: Where they are from, such as `data:late@3`.
        label: The column that is predicted; empty when it is the only one that is no input.
        trained_on: What the version learned from; None when that is not known here.
    """

    rows: pl.DataFrame
    named: str
    label: str = ""
    trained_on: pl.DataFrame | None = None


def of_pipeline(version: ModelVersion) -> Ground:
    """The rows that the pipeline of a version set aside."""
    manifest = version.manifest
    return Ground(
        rows=HOLDOUT,
        data=manifest.holdout,
        label=manifest.label,
        trained_on=manifest.trained_on,
    )


def of_statement(said: Statement) -> Ground:
    """The rows that an earlier verdict rests on."""
    return Ground(rows=said.rows, data=said.data, label=said.label, trained_on=said.trained_on)


def keep(blobs: Blobs, version: ModelVersion, given: GivenRows) -> Ground:
    """Keep rows that somebody names, so that the verdict on them can be proved.

    Raises:
        UsageError: They lack an input of the version, or nobody can tell which column is the label.
    """
    label = _label(version, given)
    seen = given.trained_on
    return Ground(
        rows=given.named,
        data=blobs.put(_parquet(given.rows)),
        label=label,
        trained_on="" if seen is None else blobs.put(_parquet(seen)),
    )


def no_rows(version: ModelVersion) -> GateFailedError:
    """The refusal to judge a version that came without rows, on none."""
    return GateFailedError(
        "version-foreign",
        f"{version.ref} was registered by a client from "
        f"{version.manifest.foreign_source[:200]}: it came without rows set aside, so somebody "
        "has to name the rows that it is judged on.",
        hint=f"trueup check {version.ref} --data data:NAME@VERSION",
    )


def has_rows(version: ModelVersion) -> UsageError:
    """The refusal to judge a version of a pipeline on other rows than its own."""
    return UsageError(
        "version-has-holdout",
        f"{version.ref} is judged on the rows that its pipeline set aside; others would say less.",
        hint=f"trueup check {version.ref}",
    )


def _label(version: ModelVersion, given: GivenRows) -> str:
    columns, signature = given.rows.columns, version.manifest.signature
    _check_inputs(version.ref, given, signature)
    if given.label:
        if given.label in columns:
            return given.label
        raise UsageError(
            "label-missing",
            f"{given.named} has no column '{given.label}'; it has {listing(columns[:8])}.",
            hint=f"trueup check {version.ref} --data {given.named} --label COLUMN",
        )
    inputs = {column.name for column in signature.inputs}
    others = [name for name in columns if name not in inputs]
    if len(others) != 1:
        what = f"{listing(others[:8])} are no inputs" if others else "every column is an input"
        raise UsageError(
            "label-missing",
            f"Nobody said which column of {given.named} is the label: {what} of {version.ref}.",
            hint=f"trueup check {version.ref} --data {given.named} --label COLUMN",
        )
    return others[0]


def _check_inputs(ref: str, given: GivenRows, signature: Signature) -> None:
    absent = [c.name for c in signature.inputs if c.name not in given.rows.columns]
    if absent:
        raise UsageError(
            "rows-unfit",
            f"{given.named} lacks {listing(absent[:8])}, which {ref} takes.",
            hint=f"trueup model show {ref}",
            context={"columns": absent[:50]},
        )
    trouble = rules.why_unfit(given.rows, signature)
    if trouble:
        raise UsageError(
            "rows-unfit",
            f"{given.named} does not fit what {ref} takes: {trouble}.",
            hint=f"trueup model show {ref}",
        )


def _parquet(rows: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    rows.write_parquet(file)
    return file.getvalue()
