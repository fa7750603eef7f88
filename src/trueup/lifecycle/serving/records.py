"""What the journal holds, one record per request and arm. Prediction ids are `<request>-<row>`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from trueup.foundation.records import Record

# A number, or one for each class or level.
Score = float | list[float]
# What really happened: a number, a class by its name, or yes and no.
Truth = bool | int | float | str


class JournalRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of everything in the journal.

    Attributes:
        deployment: The place the request went to.
        received_at: When the server got it.
    """

    deployment: str
    received_at: datetime


class Predictions(JournalRecord, frozen=True, kw_only=True, tag="predictions", omit_defaults=True):
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
        scores: What the model gave, one per row: a number, or one for each class or level.
        seconds: Time the model took.
        body: Digest of the request's body when a key was given: the same key with another body is
            refused.
        extra: What a predictor of the project gave besides, one per row; by name.
        shadow: Whether nobody was told: it was scored beside the answer that went out.
        salt: Of the route: with entity and deployment it shows why this arm answered.
        weights: Share of the entities of each arm then, by release number; empty where there is
            only one, and for a pinned request.
        pinned: Whether the caller named the model version.
        sample: The part of the requests that was recorded then.
    """

    request: str
    key: str
    at: datetime
    release: int
    model_ref: str
    rows: list[int]
    entities: list[str]
    inputs: dict[str, list[Any]]
    scores: list[Score]
    seconds: float
    body: str = ""
    extra: dict[str, list[Any]] = {}
    shadow: bool = False
    salt: str = ""
    weights: dict[int, float] = {}
    pinned: bool = False
    sample: float = 1.0


class Labels(JournalRecord, frozen=True, kw_only=True, tag="labels"):
    """What really happened, for predictions made earlier. What was known last
    counts, also where it came first.

    Attributes:
        predictions: Prediction ids.
        labels: The truth about each.
        at: When the truth was known.
    """

    predictions: list[str]
    labels: Sequence[Truth]
    at: datetime


class Failure(JournalRecord, frozen=True, kw_only=True, tag="failure", omit_defaults=True):
    """A request that the model could not answer.

    Attributes:
        request: Hex UUIDv7 of the request.
        at: The time the request was about.
        model_ref: Model version that failed.
        rows: How many rows it had.
        code: Error code.
        release: Release number of the arm.
        entities: Routing key of each row; empty list when the deployment has no entity.
        weights: Share of the entities of each arm then, as in `Predictions`.
        shadow: Whether another arm answered.
    """

    request: str
    at: datetime
    model_ref: str
    rows: int
    code: str
    release: int = 0
    entities: list[str] = []
    weights: dict[int, float] = {}
    shadow: bool = False


class Gap(JournalRecord, frozen=True, kw_only=True, tag="gap", omit_defaults=True):
    """The journal could not be written for a while, and what it does not hold for that.

    Attributes:
        since: When writing failed first.
        missing: Predictions that were answered and are not in the journal, by deployment.
        unsure: Records that were acknowledged before a sync, and may be lost.
        reason: Why it could not be written.
    """

    since: datetime
    missing: dict[str, int] = {}
    unsure: int = 0
    reason: str = ""


AnyRecord = Predictions | Labels | Failure | Gap


class Cursor(msgspec.Struct, frozen=True):
    """How far a reader has come in the journal; as JSON it is the reader's stored place.

    Several servers may write at once, each its own segment, so an older segment can still grow
    when a newer one exists.

    Attributes:
        through: Newest segment seen; it and all older ones are read, except for `unfinished`.
        unfinished: Bytes read of each segment that was not read to its end or may still grow.
        lost_bytes: Damaged bytes that were skipped, in all: loss is counted, never silent.
    """

    through: str = ""
    unfinished: dict[str, int] = {}
    lost_bytes: int = 0


class Label(Record):
    """The truth about one prediction.

    Attributes:
        value: What happened.
        at: When it was known.
    """

    value: Truth
    at: datetime

    @property
    def words(self) -> str:
        """The value as people read it."""
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return f"{self.value:g}" if number else str(self.value)


class Prediction(Record):
    """One row of a request, as it was journaled.

    Attributes:
        id: `<request>-<row>`.
        deployment: The place the request went to.
        received_at: When the server got it.
        at: The time it is about.
        release: Release number that answered.
        model_ref: Model version that answered.
        entity: Whom it is about; empty when unknown.
        inputs: Column name to value, exactly as scored.
        score: The model's answer.
        label: The truth, once it is known: what was known last.
        earlier: What counted as the truth before, newest first.
    """

    id: str
    deployment: str
    received_at: datetime
    at: datetime
    release: int
    model_ref: str
    entity: str
    inputs: dict[str, Any]
    score: Score
    label: Label | None = None
    earlier: tuple[Label, ...] = ()

    @property
    def ref(self) -> str:
        """The reference of this prediction."""
        return f"prediction:{self.id}"

    @property
    def answer(self) -> str:
        """The score in words: one number, or one for each class or level."""
        several = self.score if isinstance(self.score, list) else [self.score]
        return ", ".join(f"{number:.4g}" for number in several)


class SealedSegment(Record):
    """One journal segment that will never change again.

    Attributes:
        name: Its name; names sort in the order of creation.
        first_at: When the first request in it was received.
        last_at: When the last one was.
        records: Records in it.
        rows: Predictions in it.
        bytes: Its size.
        digest: Digest of its bytes.
        sealed_at: When it was registered.
    """

    name: str
    first_at: datetime
    last_at: datetime
    records: int
    rows: int
    bytes: int
    digest: str
    sealed_at: datetime
