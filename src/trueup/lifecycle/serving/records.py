"""What the journal holds, one record per request and arm. Prediction ids are `<request>-<row>`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class JournalRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of everything in the journal.

    Attributes:
        deployment: The place the request went to.
        received_at: When the server got it.
    """

    deployment: str
    received_at: datetime


class Predictions(JournalRecord, frozen=True, kw_only=True, tag="predictions"):
    """Rows of one request that one arm answered.

    Attributes:
        request: Hex UUIDv7 of the request.
        key: The caller's idempotency key; empty when none was given.
        at: The time the predictions are about (the caller's, else `received_at`).
        release: Release number of the arm.
        model_ref: Model version that answered, such as `flights@3`.
        rows: Place of each row in the request.
        entities: Routing key of each row; empty list when the deployment has no entity.
        inputs: Column name to values, one per row, exactly as scored.
        scores: One per row.
        seconds: Time the model took.
    """

    request: str
    key: str
    at: datetime
    release: int
    model_ref: str
    rows: list[int]
    entities: list[str]
    inputs: dict[str, list[Any]]
    scores: list[float]
    seconds: float


class Labels(JournalRecord, frozen=True, kw_only=True, tag="labels"):
    """What really happened, for predictions made earlier. A later label replaces an earlier one.

    Attributes:
        predictions: Prediction ids.
        labels: 0 or 1 for each.
        at: When the truth was known.
    """

    predictions: list[str]
    labels: list[float]
    at: datetime


class Failure(JournalRecord, frozen=True, kw_only=True, tag="failure"):
    """A request that the model could not answer.

    Attributes:
        request: Hex UUIDv7 of the request.
        at: The time the request was about.
        model_ref: Model version that failed.
        rows: How many rows it had.
        code: Error code.
    """

    request: str
    at: datetime
    model_ref: str
    rows: int
    code: str


AnyRecord = Predictions | Labels | Failure


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in the journal: everything before it has been read.

    Attributes:
        segment: Name of a segment; names sort in the order of writing.
        offset: Bytes into it.
    """

    segment: str = ""
    offset: int = 0
