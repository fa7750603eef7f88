"""Journal records become changes of counts. Pure: no database, no clock.

Whatever the order of the records and however they are cut into batches, the counts, the index and
the waiting labels end up the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain, repeat
from typing import Any

import numpy as np

from trueup.lifecycle.monitoring import counts
from trueup.lifecycle.monitoring.cells import count_by_hour
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
    request_of,
    split,
)
from trueup.lifecycle.monitoring.records import Ingested
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions

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

    @cached_property
    def requests(self) -> set[str]:
        """The requests that predictions came from or labels are about."""
        named = {request_of(p) for record in self.labels for p in record.predictions}
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


@dataclass(frozen=True, eq=False)
class _Labels:
    predictions: list[str]
    deployments: list[str]
    ages: Vector

    def label(self, number: int) -> Label:
        known_at, received_at, value = self.ages[number].tolist()
        names = self.predictions[number], self.deployments[number]
        return Label(*names, value, known_at, received_at)


def sort(records: Iterable[AnyRecord]) -> Batch:
    """The records by kind, in their order."""
    batch = Batch([], [], [])
    for record in records:
        if isinstance(record, Predictions):
            batch.predictions.append(record)
        elif isinstance(record, Labels):
            batch.labels.append(record)
        elif isinstance(record, Failure):
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
    labels, invalid = _labels(batch.labels, waiting)
    places = _places(flat, labels.predictions)
    matched = np.flatnonzero(places >= 0)
    touched = places[matched]
    moves = apply_labels(flat, touched, labels.ages[matched])
    entries = {(e.request, e.release): e for e in created}
    labelled = {(e.request, e.release): e for e in split(flat, touched)}
    still_waiting = _newest(labels.label(number) for number in np.flatnonzero(places < 0).tolist())
    ids = {label.prediction for label in waiting}
    return Folded(
        changes=_changes(fresh, batch.failures, flat, moves, layouts),
        created=[labelled.get(key, entry) for key, entry in entries.items()],
        changed=[entry for key, entry in labelled.items() if key not in entries],
        waiting=still_waiting,
        matched=sorted(ids - {label.prediction for label in still_waiting}),
        ingested=Ingested(
            requests=len(fresh),
            rows=sum(len(record.rows) for record in fresh),
            duplicates=len(batch.predictions) - len(fresh),
            failures=len(batch.failures),
            labels=moves.places.size,
            repeated=matched.size - moves.places.size,
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


def _labels(records: Sequence[Labels], waiting: Sequence[Label]) -> tuple[_Labels, int]:
    predictions = [label.prediction for label in waiting]
    deployments = [label.deployment for label in waiting]
    ages = [np.array([label.age for label in waiting], dtype=np.int64).reshape(-1, 3)]
    invalid = 0
    for record in records:
        numbers = [np.nan if isinstance(label, str) else label for label in record.labels]
        values = np.array(numbers, dtype=np.float64)
        is_valid = (values == 0) | (values == 1)
        named = record.predictions
        if not is_valid.all():
            invalid += int(np.count_nonzero(~is_valid))
            named = [name for name, valid in zip(named, is_valid.tolist(), strict=True) if valid]
            values = values[is_valid]
        predictions += named
        deployments += [record.deployment] * len(named)
        times = np.tile([micros(record.at), micros(record.received_at)], (len(named), 1))
        ages.append(np.column_stack([times, values.astype(np.int64)]))
    return _Labels(predictions, deployments, np.concatenate(ages)), invalid


def _places(flat: Flat, predictions: Sequence[str]) -> Vector:
    if not predictions:
        return np.zeros(0, dtype=np.int64)
    ids = chain.from_iterable(entry.ids for entry in flat.entries)
    place_of = {prediction: place for place, prediction in enumerate(ids)}
    return np.fromiter(map(place_of.get, predictions, repeat(-1)), np.int64, len(predictions))


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
    at = np.array([place[hour_of(record.at)] for record in records], dtype=np.int64)
    sizes = [len(record.rows) for record in records]
    hours = np.repeat(at, sizes)
    counts.add_rows(vectors, hours)
    counts.add_seconds(vectors, at, np.array([r.seconds for r in records], dtype=np.float64))
    scores = np.fromiter(chain.from_iterable(r.scores for r in records), np.float64, hours.size)
    unknown = np.full(hours.size, counts.UNKNOWN, dtype=np.int64)
    counts.add_scores(vectors, hours, unknown, counts.score_cells(scores))
    for name, bins in layout.columns.items():
        values = scores if name == SCORE else _column(records, name)
        part = vectors[:, layout.places[name]]
        part += count_by_hour(bins, values, hours, len(vectors))


def _column(records: Sequence[Predictions], name: str) -> list[Any]:
    # A column that a request left out is a column of missing values.
    return list(
        chain.from_iterable(
            record.inputs.get(name) or [None] * len(record.rows) for record in records
        )
    )
