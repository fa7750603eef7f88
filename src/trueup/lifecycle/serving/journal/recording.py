"""How one deployment is recorded, as its plan says: how surely, how much, and which columns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from trueup.foundation import digests
from trueup.lifecycle.plan.deployments import Journaling
from trueup.lifecycle.serving.journal.tail import Place
from trueup.lifecycle.serving.journal.writer import NOWHERE, Journal, Way
from trueup.lifecycle.serving.records import AnyRecord, Predictions

USUAL: Final = Journaling()
_BUCKETS: Final = 1 << 32


class Recorder:
    """Appends for one deployment.

    Args:
        journal: Where records go.
        asked: Gives what the plan says now; asked for each request.
    """

    def __init__(self, journal: Journal, asked: Callable[[], Journaling]) -> None:
        self._journal = journal
        self._asked = asked

    def append(self, records: Sequence[AnyRecord]) -> asyncio.Future[Place]:
        """Record what belongs together; see `Journal.append`.

        What is not recorded by choice, or could not be where that may happen, is `NOWHERE`.
        Labels, and requests with an idempotency key, are always recorded durably: whoever sends
        them counts on finding them.
        """
        plan = self._asked()
        if plan is USUAL:
            return self._journal.append(records)
        kept: Sequence[AnyRecord] = records
        if all(isinstance(record, Predictions) and not record.key for record in records):
            kept = [r for r in records if isinstance(r, Predictions) and _is_drawn(r, plan)]
        if not kept:
            unrecorded: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
            unrecorded.set_result(NOWHERE)
            return unrecorded
        return self._journal.append([_as_planned(record, plan) for record in kept], way(kept, plan))


def way(records: Sequence[AnyRecord], plan: Journaling) -> Way:
    """How these records are written under a plan."""
    are_predictions = all(isinstance(record, Predictions) and not record.key for record in records)
    if not are_predictions:
        return Way(lag_s=plan.lag_seconds)
    return Way(
        durable=plan.mode != "written",
        may_miss=plan.when_full == "count",
        lag_s=plan.lag_seconds,
    )


def _is_drawn(record: Predictions, plan: Journaling) -> bool:
    """Whether a request is in the sample: by its id, so that all its records are or none."""
    if plan.mode != "sampled":
        return True
    drawn = int(digests.of_bytes(record.request.encode()).rpartition(":")[2][:8], 16)
    return drawn < plan.sample * _BUCKETS


def _as_planned(record: AnyRecord, plan: Journaling) -> AnyRecord:
    if not isinstance(record, Predictions):
        return record
    if plan.drop:
        inputs = {name: v for name, v in record.inputs.items() if name not in plan.drop}
        record = msgspec.structs.replace(record, inputs=inputs)
    if plan.mode == "sampled" and not record.key:
        record = msgspec.structs.replace(record, sample=plan.sample)
    return record
