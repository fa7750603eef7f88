"""What MLflow's scoring clients send to `/invocations`, and what they are answered.

JSON with one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`, or CSV. As in
MLflow, columns that the model does not take are left aside.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from trueup.foundation.errors import TrueupError
from trueup.foundation.text import listing
from trueup.lifecycle.models.records import ColumnKind
from trueup.lifecycle.serving.protocol.columns import columns_of_matrix, values_of
from trueup.lifecycle.serving.protocol.intake import Asked, Intake, decode, invalid
from trueup.lifecycle.serving.protocol.replies import in_row_order
from trueup.lifecycle.serving.records import Predictions

_FORMS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_DTYPES: Final[dict[ColumnKind, type[pl.DataType]]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "boolean": pl.Boolean,
}
_decoder = msgspec.json.Decoder(dict[str, Any])


class _Split(msgspec.Struct):
    columns: list[str]
    data: list[list[Any]]


def read(intake: Intake, body: bytes) -> Asked:
    """A request in JSON.

    Raises:
        UsageError: Naming the field and the rule it breaks.
    """
    payload = decode(_decoder, body)
    forms = [form for form in _FORMS if form in payload]
    if len(forms) != 1:
        raise invalid(f"the body must hold exactly one of {listing(_FORMS)}")
    (form,) = forms
    if others := sorted(set(payload) - {form, "params"}):
        raise invalid(f"the body holds '{others[0][:60]}', which is not known here")
    said = payload[form]
    if form == "dataframe_split":
        return _named(intake, _of_split(said))
    if isinstance(said, list) and said and all(isinstance(row, dict) for row in said):
        return _named(intake, _of_records(intake, said))
    if form == "dataframe_records":
        raise invalid("'dataframe_records' must be a list of objects, at least one")
    if form == "inputs" and isinstance(said, dict):
        return _named(intake, {name: _list(name, values) for name, values in said.items()})
    return _by_place(intake, form, said)


def read_csv(intake: Intake, body: bytes) -> Asked:
    """A request in CSV with a header.

    Raises:
        UsageError: It is no CSV, or does not fit.
    """
    kinds: dict[str, type[pl.DataType]] = {
        name: _DTYPES[column.kind] for name, column in intake.columns.items()
    }
    if intake.takes_entity_apart:
        kinds[intake.entity] = pl.String
    try:
        found = pl.read_csv(
            io.BytesIO(body), schema_overrides=kinds, infer_schema=False, null_values=["", "NaN"]
        )
    except pl.exceptions.PolarsError:
        raise invalid("the body is no CSV of these inputs, with a header") from None
    return _named(intake, found.to_dict(as_series=False))


def reply(answered: Sequence[Predictions]) -> bytes:
    """The reply to a request, from the records that were journaled for it."""
    scores, _ = in_row_order(answered)
    request = answered[0].request
    ids = [f"{request}-{row}" for row in range(len(scores))]
    return msgspec.json.encode({"predictions": scores, "prediction_ids": ids})


def refusal(error: TrueupError) -> bytes:
    """Why there is no answer, as MLflow's clients read it."""
    known = {400: "BAD_REQUEST", 404: "RESOURCE_DOES_NOT_EXIST", 503: "TEMPORARILY_UNAVAILABLE"}
    code = known.get(
        error.http_status, "BAD_REQUEST" if error.http_status < 500 else "INTERNAL_ERROR"
    )
    return msgspec.json.encode({"error_code": code, "message": error.message, "code": error.code})


def _of_split(said: Any) -> dict[str, list[Any]]:
    try:
        split = msgspec.convert(said, _Split)
    except msgspec.ValidationError:
        raise invalid("'dataframe_split' must hold columns (names) and data (rows)") from None
    for place, row in enumerate(split.data):
        if len(row) != len(split.columns):
            raise invalid(
                f"'dataframe_split' has {len(row)} values in row {place + 1}; its columns are "
                f"{len(split.columns)}"
            )
    return {name: [row[at] for row in split.data] for at, name in enumerate(split.columns)}


def _of_records(intake: Intake, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = [*intake.columns, *([intake.entity] if intake.takes_entity_apart else [])]
    there = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names if name in there}


def _named(intake: Intake, columns: Mapping[str, list[Any]]) -> Asked:
    entities = columns.get(intake.entity) if intake.takes_entity_apart else None
    return intake.gather(
        {
            name: values_of(column, columns[name])
            for name, column in intake.columns.items()
            if name in columns
        },
        entities=entities,
    )


def _by_place(intake: Intake, form: str, said: Any) -> Asked:
    """Rows without names: their values stand in the order of the inputs."""
    if not isinstance(said, list):
        raise invalid(f"'{form}' must be a list of rows")
    if len(intake.columns) == 1 and not any(isinstance(row, list) for row in said):
        said = [[value] for value in said]
    if not all(isinstance(row, list) for row in said):
        raise invalid(f"'{form}' must be a list of rows, each a list of values or an object")
    return intake.gather(columns_of_matrix(intake, said, f"'{form}'"))


def _list(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise invalid(f"'inputs.{name[:60]}' must be a list of values")
    return values
