"""The nouns of a batch."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from trueup.foundation.records import Record

OnBad = Literal["fail", "skip", "report"]


class Order(Record):
    """What is asked of a batch.

    Attributes:
        output: File or folder that is made.
        keep: Columns of the input that the output holds, too; `*` for all.
        chunk_rows: Rows that are read, answered and made durable together.
        on_bad: What becomes of rows that do not fit the model's signature.
        at: The time the predictions are about; now without one.
        entity: Column that names whom a row is about; the deployment's without one.
    """

    output: str
    keep: tuple[str, ...] = ()
    chunk_rows: int = 65_536
    on_bad: OnBad = "fail"
    at: datetime | None = None
    entity: str = ""


class Position(Record):
    """Where a source is read on.

    Attributes:
        file: Number of the file, from 0.
        row: Row in that file; of a query: rows before it.
        key: The last key read of a query.
    """

    file: int = 0
    row: int = 0
    key: int | str | None = None


class Checkpoint(Record):
    """How far a batch has come: written anew, durably, behind each chunk.

    Attributes:
        order: Digest of all that decides the answers: input, models, route, options.
        batch: Identifier; prediction ids follow from it.
        started_at: When it was begun.
        next: Where reading goes on.
        chunks: Finished ones.
        read: Rows read.
        rows: Rows answered.
        bad: Rows left out.
        seconds: Time spent so far.
        is_read: Whether the input is at its end.
    """

    order: str
    batch: str
    started_at: datetime
    next: Position = Position()
    chunks: int = 0
    read: int = 0
    rows: int = 0
    bad: int = 0
    seconds: float = 0.0
    is_read: bool = False


class Batch(Record):
    """What a batch did, or would do.

    Attributes:
        batch: Identifier; empty for a trial.
        target: Deployment or model version.
        models: Versions that answer.
        output: What was made.
        report: File of the rows left out; empty without one.
        rows: Rows answered; for a trial those of the first chunk.
        bad: Rows left out.
        total: Rows of the input where that is known.
        chunks: How many chunks it took.
        seconds: Time spent, before an interruption as well.
        resumed: Whether an interrupted one was gone on with.
        recorded: Whether the predictions are in the journal.
        note: What one should know of the version that answered.
    """

    batch: str
    target: str
    models: tuple[str, ...]
    output: str
    report: str
    rows: int
    bad: int
    total: int | None
    chunks: int
    seconds: float
    resumed: bool
    recorded: bool
    note: str = ""
