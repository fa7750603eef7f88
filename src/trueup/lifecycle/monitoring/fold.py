"""Journal records become changes of counts. Pure: no database, no clock.

Whatever the order of the records and however they are cut into batches, the counts, the index and
the waiting labels end up the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np

from trueup.lifecycle.monitoring import counts
from trueup.lifecycle.monitoring.counts import SCORE, Layout, Vector
from trueup.lifecycle.monitoring.index import (
    Entry,
    Flat,
    Label,
    Moves,
    apply_labels,
    blank,
    flatten,
    micros,
    split,
)
from trueup.lifecycle.monitoring.records import Ingested
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions
from trueup.statistics import summaries
from trueup.statistics.summaries import Bins

Arm = tuple[str, str]  # deployment, model_ref
Key = tuple[str, str, datetime]  # deployment, model_ref, hour


@dataclass(frozen=True)
class Batch:
    """Journal records by kind."""

    predictions: list[Predictions]
    labels: list[Labels]
    failures: list[Failure]

    @property
    def model_refs(self) -> set[str]:
        """The model versions that answered or failed."""
        answered = {record.model_ref for record in self.predictions}
        return answered | {failure.model_ref for failure in self.failures}

    @property
    def requests(self) -> set[str]:
        """The requests that predictions came from or labels are about."""
        named = {p.rpartition("-")[0] for record in self.labels for p in record.predictions}
        return named | {record.request for record in self.predictions}


@dataclass(frozen=True)
class Folded:
    """What a batch changes.

    Attributes:
        changes: Counts to add, by deployment, model version and hour.
        created: Index entries that are new.
        changed: Index entries that labels changed.
        waiting: Labels whose prediction has not been seen, newest per prediction.
        matched: Predictions whose label waits no longer.
        ingested: The tally.
    """

    changes: dict[Key, Vector]
    created: list[Entry]
    changed: list[Entry]
    waiting: list[Label]
    matched: list[str]
    ingested: Ingested


def sort(records: Iterable[AnyRecord]) -> Batch:
    """The records by kind, in their order."""
    batch = Batch([], [], [])
    for record in records:
        if isinstance(record, Predictions):
            batch.predictions.append(record)
        elif isinstance(record, Labels):
            batch.labels.append(record)
        else:
            batch.failures.append(record)
    return batch


def fold(
    batch: Batch,
    layouts: Mapping[str, Layout],
    known: Sequence[Entry],
    waiting: Sequence[Label],
) -> Folded:
    """What a batch changes.

    Args:
        batch: The records.
        layouts: For every model version in the batch or in `known`.
        known: Index entries of the batch's requests.
        waiting: Labels that wait for predictions of the batch's requests.

    Returns:
        The changes.
    """
    fresh = _only_new(batch.predictions, known)
    created = [_entry(record) for record in fresh]
    flat = flatten([*known, *created])
    labels, invalid = _labels(batch.labels)
    places = _places(flat, [*labels, *waiting])
    matched = [(place, label) for place, label in places if place >= 0]
    moves = apply_labels(
        flat,
        np.array([place for place, _ in matched], dtype=np.int64),
        [label for _, label in matched],
    )
    touched = np.array([place for place, _ in matched], dtype=np.int64)
    entries = {(e.request, e.release): e for e in created}
    labelled = {(e.request, e.release): e for e in split(flat, touched)}
    still_waiting = _newest(label for place, label in places if place < 0)
    return Folded(
        changes=_changes(fresh, batch.failures, flat, moves, layouts),
        created=[labelled.get(key, entry) for key, entry in entries.items()],
        changed=[entry for key, entry in labelled.items() if key not in entries],
        waiting=still_waiting,
        matched=sorted({label.prediction for _, label in matched}),
        ingested=Ingested(
            requests=len(fresh),
            rows=sum(len(record.rows) for record in fresh),
            duplicates=len(batch.predictions) - len(fresh),
            failures=len(batch.failures),
            labels=moves.places.size,
            repeated=len(matched) - moves.places.size,
            waiting=len(still_waiting),
            invalid=invalid,
        ),
    )


def hour_of(moment: datetime) -> datetime:
    """The start of the moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _only_new(records: Sequence[Predictions], known: Sequence[Entry]) -> list[Predictions]:
    seen = {(entry.request, entry.release) for entry in known}
    fresh = []
    for record in records:
        key = (record.request, record.release)
        if key not in seen:
            seen.add(key)
            fresh.append(record)
    return fresh


def _entry(record: Predictions) -> Entry:
    cells = counts.score_cells(np.array(record.scores, dtype=np.float64))
    return Entry(
        record.request,
        record.release,
        record.deployment,
        record.model_ref,
        hour_of(record.at),
        np.array(record.rows, dtype=np.int64),
        cells,
        *blank(cells.size),
    )


def _labels(records: Sequence[Labels]) -> tuple[list[Label], int]:
    labels, invalid = [], 0
    for record in records:
        at, received = micros(record.at), micros(record.received_at)
        for prediction, value in zip(record.predictions, record.labels, strict=True):
            if value in (0, 1):
                labels.append(Label(prediction, record.deployment, int(value), at, received))
            else:
                invalid += 1
    return labels, invalid


def _places(flat: Flat, labels: Sequence[Label]) -> list[tuple[int, Label]]:
    if not labels:
        return []
    ids = chain.from_iterable(entry.ids for entry in flat.entries)
    place_of = {prediction: place for place, prediction in enumerate(ids)}
    return [(place_of.get(label.prediction, -1), label) for label in labels]


def _newest(labels: Iterable[Label]) -> list[Label]:
    newest: dict[str, Label] = {}
    for label in labels:
        known = newest.get(label.prediction)
        if known is None or label.age > known.age:
            newest[label.prediction] = label
    return sorted(newest.values(), key=lambda label: label.prediction)


def _changes(
    fresh: Sequence[Predictions],
    failures: Sequence[Failure],
    flat: Flat,
    moves: Moves,
    layouts: Mapping[str, Layout],
) -> dict[Key, Vector]:
    answered: dict[Arm, list[Predictions]] = {}
    for record in fresh:
        answered.setdefault((record.deployment, record.model_ref), []).append(record)
    failed: dict[Arm, list[Failure]] = {}
    for failure in failures:
        failed.setdefault((failure.deployment, failure.model_ref), []).append(failure)
    owners = flat.owner[moves.places].tolist()
    moved: dict[Arm, list[int]] = {}
    for number, owner in enumerate(owners):
        entry = flat.entries[owner]
        moved.setdefault((entry.deployment, entry.model_ref), []).append(number)
    changes: dict[Key, Vector] = {}
    for arm in {*answered, *failed, *moved}:
        numbers = np.array(moved.get(arm, []), dtype=np.int64)
        hours_moved = [flat.entries[owners[number]].hour for number in numbers.tolist()]
        hours = {hour_of(record.at) for record in answered.get(arm, ())}
        hours |= {hour_of(failure.at) for failure in failed.get(arm, ())}
        place = {hour: at for at, hour in enumerate(sorted({*hours, *hours_moved}))}
        vectors = layouts[arm[1]].zeros(len(place))
        _count_answered(vectors, place, answered.get(arm, []), layouts[arm[1]])
        for failure in failed.get(arm, ()):
            counts.add_failure(vectors[place[hour_of(failure.at)]], failure.rows)
        at = np.array([place[hour] for hour in hours_moved], dtype=np.int64)
        cells = flat.cells[moves.places[numbers]]
        counts.add_scores(vectors, at, moves.before[numbers], cells, -1)
        counts.add_scores(vectors, at, moves.after[numbers], cells)
        changes.update({(*arm, hour): vectors[row] for hour, row in place.items()})
    return changes


def _count_answered(
    vectors: Vector, place: Mapping[datetime, int], records: list[Predictions], layout: Layout
) -> None:
    if not records:
        return
    records = sorted(records, key=lambda record: record.at)
    at = np.array([place[hour_of(record.at)] for record in records], dtype=np.int64)
    sizes = [len(record.rows) for record in records]
    hours = np.repeat(at, sizes)
    counts.add_rows(vectors, hours)
    counts.add_seconds(vectors, at, np.array([r.seconds for r in records], dtype=np.float64))
    scores = np.fromiter(chain.from_iterable(r.scores for r in records), np.float64, hours.size)
    unknown = np.full(hours.size, counts.UNKNOWN, dtype=np.int64)
    counts.add_scores(vectors, hours, unknown, counts.score_cells(scores))
    for name, bins in layout.columns.items():
        values: Any = scores if name == SCORE else _column(records, name)
        part = vectors[:, layout.places[name]]
        if bins.kind == "category":
            part += _count_words(bins, values, hours, len(vectors))
        else:
            _count_numbers(part, bins, np.array(values, dtype=np.float64), hours)


def _column(records: Sequence[Predictions], name: str) -> list[Any]:
    # A column that a request left out is a column of missing values.
    return list(
        chain.from_iterable(
            record.inputs.get(name) or [None] * len(record.rows) for record in records
        )
    )


def _count_numbers(part: Vector, bins: Bins, values: counts.FloatArray, hours: Vector) -> None:
    # The rows are in the order of their hours, so every hour is one slice.
    cuts = np.flatnonzero(np.diff(hours)) + 1
    starts = [0, *cuts.tolist()]
    for start, stop in zip(starts, [*cuts.tolist(), values.size], strict=True):
        if stop > start:
            part[hours[start]] += summaries.count(bins, values[start:stop])


def _count_words(bins: Bins, values: list[Any], hours: Vector, rows: int) -> Vector:
    cell_of = _cell_of(bins)
    other, new, _ = (len(bins.values) + extra for extra in range(3))
    unknown = other if bins.is_open else new
    cells = np.fromiter((cell_of.get(value, unknown) for value in values), np.int64, len(values))
    found = np.bincount(hours * bins.size + cells, minlength=rows * bins.size)
    return found.reshape(rows, bins.size)


def _cell_of(bins: Bins) -> dict[Any, int]:
    # One table for the whole batch: counting word by word would cost more than all the rest.
    cells: dict[Any, int] = dict.fromkeys(bins.rare, len(bins.values))
    cells |= {value: cell for cell, value in enumerate(bins.values)}
    flags = {True: "true", False: "false"}
    cells |= {flag: cells[word] for flag, word in flags.items() if word in cells}
    cells[None] = len(bins.values) + 2
    return cells
