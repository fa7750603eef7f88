"""Where every prediction was counted, so that a label that comes later can move it.

One entry per request and release, packed to a few bytes a row. A label replaces what was known if
it is newer by (time of the truth, time of arrival, value): the order of reading changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from trueup.lifecycle.monitoring.counts import UNKNOWN, Vector

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = np.iinfo(np.int64).min


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def request_of(prediction: str) -> str:
    """The request that a prediction id names."""
    return prediction.rpartition("-")[0]


@dataclass(frozen=True, eq=False)
class Entry:
    """The predictions of one request that one release answered.

    Attributes:
        request: Identifier of the request.
        release: Release number of the arm.
        deployment: The place.
        model_ref: Model version that answered.
        hour: Where they were counted.
        rows: Place of each row in the request.
        cells: Score bin of each row.
        states: Label state of each row.
        known_at: When the truth of each row was known, in microseconds.
        received_at: When that label arrived, in microseconds.
    """

    request: str
    release: int
    deployment: str
    model_ref: str
    hour: datetime
    rows: Vector
    cells: Vector
    states: Vector
    known_at: Vector
    received_at: Vector

    @property
    def ids(self) -> list[str]:
        """The prediction ids."""
        return [f"{self.request}-{row}" for row in self.rows.tolist()]


@dataclass(frozen=True)
class Label:
    """One label as it came, with all that decides whether it is newer than another."""

    prediction: str
    deployment: str
    value: int
    known_at: int
    received_at: int

    @property
    def age(self) -> tuple[int, int, int]:
        """Sorts older labels before newer ones."""
        return self.known_at, self.received_at, self.value


@dataclass(frozen=True, eq=False)
class Flat:
    """The rows of many entries side by side.

    Attributes:
        entries: The entries.
        owner: Which entry each row belongs to.
        cells: Score bin of each row.
        states: Label state of each row.
        known_at: As in `Entry`.
        received_at: As in `Entry`.
    """

    entries: Sequence[Entry]
    owner: Vector
    cells: Vector
    states: Vector
    known_at: Vector
    received_at: Vector


@dataclass(frozen=True, eq=False)
class Moves:
    """Rows whose label state changed, as places in a `Flat`."""

    places: Vector
    before: Vector
    after: Vector


def blank(rows: int) -> tuple[Vector, Vector, Vector]:
    """States, times and arrivals of rows without labels."""
    never = np.full(rows, _NEVER, dtype=np.int64)
    return np.full(rows, UNKNOWN, dtype=np.int64), never, never.copy()


def flatten(entries: Sequence[Entry]) -> Flat:
    """The rows of all entries, copied."""
    sizes = [entry.rows.size for entry in entries]
    nothing = np.zeros(0, dtype=np.int64)

    def joined(field: str) -> Vector:
        return np.concatenate([nothing, *(getattr(entry, field) for entry in entries)])

    return Flat(
        entries=entries,
        owner=np.repeat(np.arange(len(entries)), sizes),
        cells=joined("cells"),
        states=joined("states"),
        known_at=joined("known_at"),
        received_at=joined("received_at"),
    )


def apply_labels(flat: Flat, places: Vector, ages: Vector) -> Moves:
    """Write labels into `flat` where they are newer than what it knows.

    Args:
        flat: The rows; changed in place.
        places: The row that each label is about.
        ages: `Label.age` of each, shape [n, 3], in any order, several for one row allowed.

    Returns:
        The rows whose state changed.
    """
    order = np.lexsort((ages[:, 2], ages[:, 1], ages[:, 0], places))
    sorted_places = places[order]
    newest = order[np.append(sorted_places[1:] != sorted_places[:-1], True)[: order.size]]
    at, received, value = ages[newest].T
    rows = places[newest]
    known, arrived, state = flat.known_at[rows], flat.received_at[rows], flat.states[rows]
    same_time, same_arrival = at == known, received == arrived
    is_newer = (at > known) | (
        same_time & ((received > arrived) | (same_arrival & (value + 1 > state)))
    )
    rows, value = rows[is_newer], value[is_newer]
    before = flat.states[rows]
    flat.states[rows] = value + 1
    flat.known_at[rows] = at[is_newer]
    flat.received_at[rows] = received[is_newer]
    changed = before != value + 1
    return Moves(rows[changed], before[changed], value[changed] + 1)


def split(flat: Flat, touched: Vector) -> list[Entry]:
    """The entries that own the `touched` rows, with what `flat` now knows."""
    starts = np.searchsorted(flat.owner, np.arange(len(flat.entries) + 1))
    changed = []
    for number in np.unique(flat.owner[touched]).tolist():
        entry = flat.entries[number]
        part = slice(int(starts[number]), int(starts[number + 1]))
        changed.append(
            Entry(
                entry.request,
                entry.release,
                entry.deployment,
                entry.model_ref,
                entry.hour,
                entry.rows,
                entry.cells,
                flat.states[part],
                flat.known_at[part],
                flat.received_at[part],
            )
        )
    return changed


def pack(entry: Entry) -> bytes:
    """The rows of an entry as bytes."""
    parts = (
        entry.rows.astype("<i4"),
        entry.cells.astype("<u2"),
        entry.states.astype("u1"),
        entry.known_at.astype("<i8"),
        entry.received_at.astype("<i8"),
    )
    return zlib.compress(b"".join(part.tobytes() for part in parts), 1)


def unpack(raw: bytes) -> tuple[Vector, Vector, Vector, Vector, Vector]:
    """Rows, cells, states, times and arrivals that `pack` wrote."""
    plain = zlib.decompress(raw)
    count, start = len(plain) // 23, 0
    found = []
    for type_ in ("<i4", "<u2", "u1", "<i8", "<i8"):
        part = np.frombuffer(plain, dtype=type_, count=count, offset=start)
        found.append(part.astype(np.int64))
        start += part.nbytes
    rows, cells, states, known_at, received_at = found
    return rows, cells, states, known_at, received_at
