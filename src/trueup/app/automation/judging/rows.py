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
_NO_SCORE: Final = float("nan")


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
    _rows: dict[str, list[Any]] = field(default_factory=lambda: {n: [] for n in _COLUMNS})
    _scores: list[Any] = field(default_factory=list)
    _labels: dict[str, list[Any]] = field(default_factory=lambda: {n: [] for n in _LABELS})
    _packed: dict[str, Column] = field(default_factory=dict)

    def add(self, record: AnyRecord) -> bool:
        """Take in a record of the journal; says whether it has to do with this ramp."""
        if record.deployment != self.deployment:
            return False
        if isinstance(record, Labels):
            return self._label(record)
        if not isinstance(record, Predictions | Failure) or self.release not in record.weights:
            return False
        weights = tuple(sorted(record.weights.items()))
        if weights not in self.weights:
            self.weights.append(weights)
        period = self.weights.index(weights)
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
        units = _units(record.entities, request, n)
        into = self._rows
        into["high"] += [request >> 64] * n
        into["low"] += [request & 0xFFFFFFFFFFFFFFFF] * n
        into["row"] += rows
        into["unit"] += units
        into["release"] += [record.release] * n
        into["weights"] += [period] * n
        into["came"] += [int(record.received_at.timestamp() * 1_000_000)] * n
        into["state"] += [state] * n
        into["shadow"] += [record.shadow] * n
        self._scores += scores
        place = (record.release, period, record.shadow)
        self.counted[place] = self.counted.get(place, 0) + n

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
            into["low"].append(number & 0xFFFFFFFFFFFFFFFF)
            into["row"].append(int(row))
            into["value"].append(float(value))
            into["at"].append(at)
            into["received"].append(received)
        return True

    def _pack(self) -> None:
        """Turn what was added since into arrays, drop what came twice, keep no more than `most`."""
        if self._packed and not self._rows["row"] and not self._labels["row"]:
            return
        added: dict[str, Column] = {
            n: np.array(self._rows[n], dtype=kind) for n, kind in _COLUMNS.items()
        }
        added["scores"] = _scores(self._scores)
        labels: dict[str, Column] = {
            n: np.array(self._labels[n], dtype=kind) for n, kind in _LABELS.items()
        }
        if self._packed:
            added = {n: _joined(self._packed[n], added[n]) for n in added}
            labels = {n: np.concatenate([self._packed[f"label_{n}"], labels[n]]) for n in labels}
        added = _once(added)
        while self.part < 1 or added["row"].size > self.most:
            kept = added["unit"] <= np.uint64(int(self.part * 2**64) - 1)
            added = {n: column[kept] for n, column in added.items()}
            if added["row"].size <= self.most:
                break
            self.part /= 2
        self._packed = added | {f"label_{n}": c for n, c in _newest(labels).items()}
        for name in _COLUMNS:
            self._rows[name].clear()
        for name in _LABELS:
            self._labels[name].clear()
        self._scores.clear()
        for place, seconds in self.requests.items():
            if seconds:
                bins = latency_bins(np.array(seconds))
                self.binned[place] = self.binned[place] + bins if place in self.binned else bins
                seconds.clear()


def _units(entities: Sequence[str], request: int, rows: int) -> list[int]:
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


def _joined(before: Column, after: Column) -> Column:
    if before.ndim == after.ndim:
        return np.concatenate([before, after])
    width = max(
        before.shape[-1] if before.ndim == 2 else 0, after.shape[-1] if after.ndim == 2 else 0
    )
    wide = [
        part if part.ndim == 2 else np.full((part.size, width), _NO_SCORE)
        for part in (before, after)
    ]
    return np.concatenate(wide)


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
