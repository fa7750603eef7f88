"""What a batch says. It travels as MessagePack, for JSON knows neither NaN nor infinities."""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.records import Point, State

MOST_POINTS: Final = 20_000
MOST_WORDS: Final = 1000


class Batch(Record):
    """Something that a run's own code logged, in the order in which it did.

    Attributes:
        run: Identifier, made by the client: the run is started by its first batch.
        experiment: Name of its experiment, which is made when it is not there.
        name: Of the run, for people; made up when empty.
        user: Who runs it, by their own word.
        started_at: When it began.
        points: Values of metrics.
        params: Those that have another value already keep it.
        tags: The last word counts.
        state: How the run ended, in the last batch of its owner.
        ended_at: When.
    """

    run: str
    experiment: str
    name: str = ""
    user: str = ""
    started_at: int = 0
    points: tuple[Point, ...] = ()
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    state: State | None = None
    ended_at: int | None = None


class Received(Record):
    """What became of a batch.

    Attributes:
        refused: Parameters that have another value already and keep it.
    """

    refused: tuple[str, ...] = ()


def packed(batch: Batch) -> bytes:
    """A batch as it travels."""
    return msgspec.msgpack.encode(batch)


def unpacked(raw: bytes) -> Batch:
    """The batch that travelled.

    Raises:
        msgspec.MsgspecError: These bytes are none.
    """
    return msgspec.msgpack.decode(raw, type=Batch)
