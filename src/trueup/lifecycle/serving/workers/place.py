"""Where a worker stands among the others: what its supervisor tells it at the start."""

from __future__ import annotations

import os

import msgspec

from trueup.foundation.records import Record

_VARIABLE = "TRUEUP_WORKER"


class Place(Record):
    """A worker's place.

    Attributes:
        index: Its number, from 0.
        count: How many workers there are.
        listener: File descriptor of the socket that all share.
        control: File descriptor of its line to the supervisor.
        rates: File descriptor of the buckets that all share.
        folder: Private folder with a socket of each worker.
    """

    index: int
    count: int
    listener: int
    control: int
    rates: int
    folder: str

    def as_environment(self) -> dict[str, str]:
        """As a variable of a new process."""
        return {_VARIABLE: msgspec.json.encode(self).decode()}


def own_place() -> Place | None:
    """The place of this process; None when it is no worker."""
    told = os.environ.pop(_VARIABLE, None)  # nothing that it starts is a worker
    return None if told is None else msgspec.json.decode(told, type=Place)
