"""Shadows: versions that score what others answer, when there is time for that.

What they say is recorded under the request's own id and told nobody. They come last: there is room
for few rows, none while those who wait for answers need the model's time, and what finds no room is
dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from trueup.foundation.errors import TrueupError, UserCodeError
from trueup.lifecycle.releases.records import Arm
from trueup.lifecycle.serving.inference.scoring import Columns, Scorer
from trueup.lifecycle.serving.journal.tail import Place
from trueup.lifecycle.serving.records import AnyRecord, Failure, Predictions

ROOM: Final = 2_000


class Journal(Protocol):
    """What shadows need of the journal."""

    def append(self, records: Sequence[AnyRecord]) -> asyncio.Future[Place]:
        """Record durably; see `journal.writer.Journal.append`."""
        ...


class Shaded(NamedTuple):
    """Rows that were answered, and what is to score them, too.

    Attributes:
        arm: The shadow.
        scorer: Its model.
        inputs: Columns of its inputs.
        answered: The record of the request's first arm: what both have in common.
        rows: How many rows the request has.
        entities: Routing key of each row.
    """

    arm: Arm
    scorer: Scorer
    inputs: Columns
    answered: Predictions
    rows: int
    entities: list[str]


class Shadows:
    """Scores for one deployment what was answered, one request after the other.

    Args:
        journal: Where the scores are recorded.
        on_drop: Told how many rows found no room.
        room: Rows that may wait.

    Attributes:
        rows: Rows that wait.
    """

    def __init__(self, journal: Journal, on_drop: Callable[[int], None], room: int = ROOM) -> None:
        self._journal = journal
        self._on_drop = on_drop
        self._room = room
        self.rows = 0
        self._waiting: deque[Shaded] = deque()
        self._worker: asyncio.Task[None] | None = None

    def offer(self, shaded: Shaded) -> None:
        """Score it later, if there is room. To be called on a running event loop."""
        if self.rows + shaded.rows > self._room:
            self._on_drop(shaded.rows)
            return
        self.rows += shaded.rows
        self._waiting.append(shaded)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # whoever waits for an answer comes first
            shaded = self._waiting.popleft()
            try:
                await self._journal.append([await _scored(shaded)])
            except TrueupError:  # the journal is full or closed: those who were answered are told
                self._on_drop(shaded.rows)
            finally:
                self.rows -= shaded.rows


async def _scored(shaded: Shaded) -> AnyRecord:
    answered, arm = shaded.answered, shaded.arm
    try:
        scores, seconds, extra = await shaded.scorer.score(shaded.inputs, shaded.rows)
    except UserCodeError as error:
        return Failure(
            deployment=answered.deployment,
            received_at=answered.received_at,
            request=answered.request,
            at=answered.at,
            model_ref=arm.model_ref,
            rows=shaded.rows,
            code=error.code,
            release=arm.release,
            entities=shaded.entities,
            weights=answered.weights,
            shadow=True,
        )
    return Predictions(
        deployment=answered.deployment,
        received_at=answered.received_at,
        request=answered.request,
        key="",
        at=answered.at,
        release=arm.release,
        model_ref=arm.model_ref,
        rows=list(range(shaded.rows)),
        entities=shaded.entities,
        inputs=shaded.inputs,
        scores=scores,
        extra=extra,
        seconds=seconds,
        shadow=True,
        weights=answered.weights,
    )
