"""The nouns of requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from trueup.foundation.records import Record
from trueup.lifecycle.runs.records import Process, RunError

RequestState = Literal["waiting", "started", "finished", "failed", "dropped"]
Kind = Literal["slot", "event", "call", "proposal"]

OPEN: Final[tuple[RequestState, ...]] = ("waiting", "started")


class Wish(Record):
    """A run that is asked for.

    Attributes:
        pipeline: Name of the pipeline (a proposal may name the model it wants).
        kind: What asks: a slot of a schedule, an event of the log, a call, or a proposal.
        cause: What asks, by identifier; the same cause asks only once.
        reason: The same in words.
        parameters: Values of the pipeline's parameters; defaults are filled in when it runs.
        partition: The part of the data that it is for.
    """

    pipeline: str
    kind: Kind
    cause: str
    reason: str
    parameters: dict[str, Any] = {}
    partition: str = ""


class RunRequest(Record):
    """A run that was asked for, and what became of it.

    Attributes:
        id: Short identifier; also that of its first attempt's run.
        pipeline: Name of the pipeline.
        kind: What asked for it.
        cause: What asked for it, by identifier.
        reason: The same in words.
        parameters: Values of the pipeline's parameters.
        partition: The part of the data that it is for.
        asked_by: Who put it down.
        asked_at: When.
        state: waiting, started, finished, failed (whether or not a run began) or dropped.
        run: The identifier of its present attempt's run, kept free until that begins.
        attempts: How often it was started; more than once only when a run was lost.
        process: The process that sees to it; None while it waits.
        beat_at: When that process last said that it lives.
        not_before: When it may start; None for at once.
        ended_at: When it came to its end.
        error: Why it failed, or why it still waits.
    """

    id: str
    pipeline: str
    kind: Kind
    cause: str
    reason: str
    parameters: dict[str, Any]
    partition: str
    asked_by: str
    asked_at: datetime
    state: RequestState = "waiting"
    run: str = ""
    attempts: int = 0
    process: Process | None = None
    beat_at: datetime | None = None
    not_before: datetime | None = None
    ended_at: datetime | None = None
    error: RunError | None = None

    @property
    def ref(self) -> str:
        """The reference of the run that it is, or will be."""
        return f"run:{self.run}"
