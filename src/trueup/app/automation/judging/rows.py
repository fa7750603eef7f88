"""The rows of one ramp, as the journal has them: columns of numbers that any order gives the same.

A row is kept with whom it was about, what came out, and when; a label finds its rows by their key.
`totals.py` makes evidence of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from trueup.lifecycle.releases.judging.evidence import IntArray, latency_bins
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions

Column: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = tuple[tuple[int, float], ...]

MOST_ROWS: Final = 1_000_000
ANSWERED, FAILED, TIMED_OUT = 0, 1, 2
TIMEOUTS: Final = frozenset({"deadline-exceeded", "prediction-timeout", "timeout"})
_COLUMNS: Final[Mapping[str, type]] = {
    "high": np.uint64,  # of the request's id
    "low": np.uint64,
    "row": np.int64,
    "unit": np.uint64,
    "release": np.int64,
    "weights": np.int64,
    "came": np.int64,  # microseconds since 1970
    "state": np.int8,
    "shadow": np.bool_,
}
_LABELS: Final[Mapping[str, type]] = {
    "high": np.uint64,
    "low": np.uint64,
    "row": np.int64,
    "at": np.int64,
    "received": np.int64,
    "value": np.float64,
}
_OF_REQUEST: Final = ("high", "low", "release", "weights", "came", "state", "shadow")
_LOW: Final = 0xFFFFFFFFFFFFFFFF
_NO_SCORE: Final = float("nan")
_CHUNK: Final = 65_536


@dataclass
class Rows:
    """The rows of a release that is tried out and of those beside it, and all labels since.

    Above `most` rows only those entities are kept whose hash is small enough: which ones does not
    depend on the order of the rows, and both arms lose alike.

    Attributes:
        deployment: The place.
        release: The release that is tried out.
        classes: What a label of text or of a class stands for: its place in the answers.
        most: Rows to keep.
        part: Part of the entities that is kept.
        counted: All rows by release and weights, kept or not.
        latency: Requests by bin, by release, weights and size.
    """

    deployment: str
    release: int
    classes: Mapping[Any, float] = field(default_factory=dict)
    most: int = MOST_ROWS
    part: float = 1.0
    counted: dict[tuple[int, int, bool], int] = field(default_factory=dict)
    requests: dict[tuple[int, int, bool, int], list[float]] = field(default_factory=dict)
    binned: dict[tuple[int, int, bool, int], IntArray] = field(default_factory=dict)
    weights: list[Weights] = field(default_factory=list)
    _periods: dict[Weights, int] = field(default_factory=dict)
    _rows: dict[str, list[Any]] = field(default_factory=lambda: {n: [] for n in _COLUMNS})
    _scores: list[Any] = field(default_factory=list)
    _labels: dict[str, list[Any]] = field(default_factory=lambda: {n: [] for n in _LABELS})
    _cuts: list[dict[str, Column]] = field(default_factory=list)
    _packed: dict[str, Column] = field(default_factory=dict)

    def add(self, record: AnyRecord) -> bool:
        """Take in a record of the journal; says whether it has to do with this ramp."""
        if record.deployment != self.deployment:
            return False
        if isinstance(record, Labels):
            return self._label(record)
        if not isinstance(record, Predictions | Failure) or self.release not in record.weights:
            return False
        period = self._period(tuple(record.weights.items()))
        if isinstance(record, Predictions):
            self._answer(record, period)
        else:
            self._fail(record, period)
        return True

    def columns(self) -> dict[str, Column]:
        """All rows as arrays, each row once; `scores` has a second axis where there are several."""
        self._pack()
        return {name: self._packed[name] for name in (*_COLUMNS, "scores")}

    def labels(self) -> dict[str, Column]:
        """The newest label of each row, sorted by the row's key."""
        self._pack()
        return {name: self._packed[f"label_{name}"] for name in _LABELS}

    def latency(self) -> dict[tuple[int, int, bool, int], IntArray]:
        """Requests by bin, by release, weights, shadow or not, and size."""
        self._pack()
        return self.binned

    def _period(self, weights: Weights) -> int:
        """The place of these weights in `weights`, whatever their order."""
        if (known := self._periods.get(weights)) is not None:
            return known
        in_order = tuple(sorted(weights))
        if in_order not in self.weights:
            self.weights.append(in_order)
        self._periods[weights] = self.weights.index(in_order)
        return self._periods[weights]

    def _answer(self, record: Predictions, period: int) -> None:
        size = max(len(record.rows), 1).bit_length()
        place = (record.release, period, record.shadow)
        self.requests.setdefault((*place, size), []).append(record.seconds)
        scores = list(record.scores)
        self._extend(record, record.rows, period, ANSWERED, scores)

    def _fail(self, record: Failure, period: int) -> None:
        state = TIMED_OUT if record.code in TIMEOUTS else FAILED
        # Rows of a failure have no number: those below 0 can never be labelled.
        rows = range(-record.rows, 0)
        self._extend(record, rows, period, state, [None] * record.rows)

    def _extend(
        self,
        record: Predictions | Failure,
        rows: Sequence[int],
        period: int,
        state: int,
        scores: list[Any],
    ) -> None:
        n = len(rows)
        request = int(record.request, 16)
        came = int(record.received_at.timestamp() * 1_000_000)
        facts = (request >> 64, request & _LOW, record.release, period, came, state, record.shadow)
        for name, fact in zip(_OF_REQUEST, facts, strict=True):
            self._rows[name] += [fact] * n
        self._rows["row"] += rows
        self._rows["unit"] += _units(record.entities, record.request, n)
        self._scores += scores
        place = (record.release, period, record.shadow)
        self.counted[place] = self.counted.get(place, 0) + n
        if len(self._scores) >= _CHUNK:
            self._cut()

    def _label(self, record: Labels) -> bool:
        at = int(record.at.timestamp() * 1_000_000)
        received = int(record.received_at.timestamp() * 1_000_000)
        into = self._labels
        for prediction, label in zip(record.predictions, record.labels, strict=True):
            request, _, row = prediction.partition("-")
            value = self.classes.get(label, label)
            if not isinstance(value, bool | int | float):
                continue  # text that is no class: the monitors count it
            number = int(request, 16)
            into["high"].append(number >> 64)
            into["low"].append(number & _LOW)
            into["row"].append(int(row))
            into["value"].append(float(value))
            into["at"].append(at)
            into["received"].append(received)
        return True

    def _cut(self) -> None:
        """Turn what was added into arrays, which take a tenth of the memory of lists."""
        cut: dict[str, Column] = {n: np.array(self._rows[n], kind) for n, kind in _COLUMNS.items()}
        cut["scores"] = _scores(self._scores)
        cut |= {f"label_{n}": np.array(self._labels[n], kind) for n, kind in _LABELS.items()}
        self._cuts.append(cut)
        for added in (*self._rows.values(), *self._labels.values(), self._scores):
            added.clear()
        for place, seconds in self.requests.items():
            if seconds:
                bins = latency_bins(np.array(seconds))
                self.binned[place] = self.binned[place] + bins if place in self.binned else bins
                seconds.clear()

    def _pack(self) -> None:
        """Put all together, drop what came twice, keep no more rows than `most`."""
        if self._packed and not self._scores and not self._labels["row"] and not self._cuts:
            return
        self._cut()
        parts = [self._packed, *self._cuts] if self._packed else self._cuts
        rows = _once({n: _joined([part[n] for part in parts]) for n in (*_COLUMNS, "scores")})
        while self.part < 1 or rows["row"].size > self.most:
            kept = rows["unit"] <= np.uint64(int(self.part * 2**64) - 1)
            rows = {n: column[kept] for n, column in rows.items()}
            if rows["row"].size <= self.most:
                break
            self.part /= 2
        labels = {n: np.concatenate([part[f"label_{n}"] for part in parts]) for n in _LABELS}
        self._packed = rows | {f"label_{n}": c for n, c in _newest(labels).items()}
        self._cuts = []


def _units(entities: Sequence[str], request: str, rows: int) -> list[int]:
    """Who is routed as one: an entity, else the request; the hash is not the one of the routing."""
    if not entities:
        return [_hash(f"request:{request}")] * rows
    return [_hash(f"unit:{entity}" if entity else f"request:{request}") for entity in entities]


def _hash(text: str) -> int:
    return int.from_bytes(blake3(text.encode()).digest(8), "big")


def _scores(scores: list[Any]) -> npt.NDArray[np.float64]:
    width = max((len(score) for score in scores if isinstance(score, list | tuple)), default=0)
    if not width:
        return np.array([_NO_SCORE if s is None else s for s in scores], dtype=np.float64)
    none = [_NO_SCORE] * width
    rows = [score if isinstance(score, list | tuple) else none for score in scores]
    return np.array(rows, dtype=np.float64)


def _joined(parts: Sequence[Column]) -> Column:
    """Scores of failures have one column, whatever the model gives."""
    width = max(part.shape[1] if part.ndim == 2 else 0 for part in parts)
    if width:
        parts = [p if p.ndim == 2 else np.full((p.size, width), _NO_SCORE) for p in parts]
    return np.concatenate(parts)


def _once(rows: dict[str, Column]) -> dict[str, Column]:
    """Sorted by key, each row of each arm once: a reader may give a record again after a crash."""
    names = ("release", "row", "low", "high")
    order = np.lexsort(tuple(rows[name] for name in names))
    ordered = {name: column[order] for name, column in rows.items()}
    fresh = np.ones(order.size, dtype=bool)
    if order.size:
        fresh[1:] = False
        for name in names:
            fresh[1:] |= ordered[name][1:] != ordered[name][:-1]
    return {name: column[fresh] for name, column in ordered.items()}


def _newest(labels: dict[str, Column]) -> dict[str, Column]:
    names = ("value", "received", "at", "row", "low", "high")
    order = np.lexsort(tuple(labels[name] for name in names))
    ordered = {name: column[order] for name, column in labels.items()}
    last = np.ones(order.size, dtype=bool)
    if order.size:
        last[:-1] = False
        for name in names[3:]:
            last[:-1] |= ordered[name][1:] != ordered[name][:-1]
    return {name: column[last] for name, column in ordered.items()}
