"""Folding the journal: the same bits whatever the order of records and the cut into batches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.lifecycle.models.records import ColumnReference, Reference
from trueup.lifecycle.monitoring import counts, index
from trueup.lifecycle.monitoring.counts import Layout, Summary
from trueup.lifecycle.monitoring.fold import Key, fold, sort
from trueup.lifecycle.monitoring.index import Entry, Label
from trueup.lifecycle.monitoring.records import Ingested
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions
from trueup.statistics.summaries import category_bins, numeric_bins

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
BINS = {
    "distance": numeric_bins([100.0, 200.0, 300.0]),
    "carrier": category_bins(["UA", "AA"]),
    "score": numeric_bins([0.2, 0.4]),
}
REFERENCE = Reference(
    rows=3, columns={n: ColumnReference(bins=b, counts=(0,) * b.size) for n, b in BINS.items()}
)
LAYOUTS = dict.fromkeys(["flights@1", "flights@2"], Layout.of(REFERENCE))


class Ledger:
    """What ingest keeps, in memory."""

    def __init__(self) -> None:
        self.hours: dict[Key, bytes] = {}
        self.entries: dict[tuple[str, int], Entry] = {}
        self.waiting: dict[str, Label] = {}
        self.last = Ingested()

    def ingest(self, records: list[AnyRecord]) -> Ledger:
        batch = sort(records)
        known = [e for e in self.entries.values() if e.request in batch.requests]
        waiting = [
            label
            for label in self.waiting.values()
            if index.request_of(label.prediction) in batch.requests
        ]
        folded = fold(batch, LAYOUTS, known, waiting)
        for key, vector in folded.changes.items():
            if key in self.hours:
                counts.unpack_into(vector, self.hours[key])
            self.hours[key] = counts.pack(vector)
        for entry in (*folded.created, *folded.changed):
            self.entries[entry.request, entry.release] = entry
        for prediction in folded.matched:
            del self.waiting[prediction]
        self.waiting |= {label.prediction: label for label in folded.waiting}
        self.last = folded.ingested
        return self

    def summary(self, model_ref: str = "flights@1") -> Summary:
        layout = LAYOUTS[model_ref]
        vector = layout.zeros(1)[0]
        for key, raw in self.hours.items():
            if key[1] == model_ref:
                counts.unpack_into(vector, raw)
        return Summary(layout, vector)

    @property
    def bits(self) -> object:
        entries = {key: index.pack(entry) for key, entry in self.entries.items()}
        return self.hours, entries, self.waiting


def request(
    number: int = 1, scores: tuple[float, ...] = (0.1, 0.7), **changes: object
) -> Predictions:
    rows = len(scores)
    fields: dict[str, object] = {
        "deployment": "late",
        "received_at": NOON,
        "request": f"{number:032x}",
        "key": "",
        "at": NOON,
        "release": 1,
        "model_ref": "flights@1",
        "rows": list(range(rows)),
        "entities": [],
        "inputs": {"distance": [150.0] * rows, "carrier": ["UA"] * rows},
        "scores": list(scores),
        "seconds": 0.01,
    }
    return Predictions(**fields | changes)  # type: ignore[arg-type]


def labels(values: dict[str, float], day: int = 1, received: int = 1) -> Labels:
    return Labels(
        deployment="late",
        received_at=NOON + timedelta(days=received),
        predictions=list(values),
        labels=list(values.values()),
        at=NOON + timedelta(days=day),
    )


def name(number: int, row: int) -> str:
    return f"{number:032x}-{row}"


def states(ledger: Ledger) -> list[int]:
    """Predictions without label, with label 0, with label 1."""
    return [int(count) for count in ledger.summary().scores.sum(axis=1)]


_requests = st.builds(
    lambda number, arm, hour, values, missing: request(
        number,
        tuple(values),
        at=NOON + timedelta(hours=hour),
        release=arm,
        model_ref=f"flights@{arm}",
        rows=[row + 10 * arm for row in range(len(values))],
        inputs={
            "distance": [missing] * len(values),
            "carrier": ["B6", *["AA"] * (len(values) - 1)],
        },
    ),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(0, 2),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
    st.sampled_from([None, 150.0, 900.0]),
)
_labels = st.builds(
    labels,
    st.dictionaries(
        st.builds(name, st.integers(1, 5), st.sampled_from([10, 11, 12, 20, 21, 22])),
        st.sampled_from([0.0, 1.0, 0.5]),
        max_size=4,
    ),
    st.integers(1, 2),
    st.integers(1, 2),
)
_failures = st.builds(
    lambda hour, rows: Failure(
        deployment="late",
        received_at=NOON,
        request=f"{hour}-{rows}",
        at=NOON + timedelta(hours=hour),
        model_ref="flights@1",
        rows=rows,
        code="model-failed",
    ),
    st.integers(0, 2),
    st.integers(1, 9),
)


@settings(max_examples=60)
@given(
    st.lists(_requests, max_size=6, unique_by=lambda record: (record.request, record.release)),
    st.lists(_labels, max_size=5),
    st.lists(_failures, max_size=2),
    st.data(),
)
def test_any_order_and_any_partition_give_the_same_bits(
    answered: list[AnyRecord], known: list[AnyRecord], failed: list[AnyRecord], data: st.DataObject
) -> None:
    records = [*answered, *known, *failed]
    whole = Ledger().ingest(records)
    shuffled = data.draw(st.permutations(records))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=3)))
    parts = Ledger()
    for start, stop in zip([0, *cuts], [*cuts, len(records)], strict=True):
        parts.ingest(shuffled[start:stop])
    assert parts.bits == whole.bits


@given(st.lists(_requests, max_size=5), st.lists(_labels, max_size=5))
def test_every_prediction_stands_once_in_every_column_and_in_one_label_state(
    answered: list[AnyRecord], known: list[AnyRecord]
) -> None:
    ledger = Ledger().ingest([*answered, *known])
    for model_ref in LAYOUTS:
        summary = ledger.summary(model_ref)
        assert all(summary.column(column).sum() == summary.rows for column in BINS)
        assert summary.scores.sum() == summary.rows
        assert (summary.vector >= 0).all()


def test_a_late_label_moves_one_count() -> None:
    ledger = Ledger().ingest([request()])
    before = ledger.summary().vector.copy()
    ledger.ingest([labels({name(1, 1): 1.0}, day=3)])
    change = ledger.summary().vector - before
    assert states(ledger) == [1, 0, 1]
    assert (change != 0).sum() == 2
    assert change.sum() == 0


def test_the_same_label_again_changes_nothing() -> None:
    told = labels({name(1, 0): 1.0})
    ledger = Ledger().ingest([request(), told])
    bits = ledger.bits
    assert ledger.ingest([told]).bits == bits
    assert (ledger.last.labels, ledger.last.repeated) == (0, 1)


def test_a_corrected_label_replaces_the_first() -> None:
    ledger = Ledger().ingest(
        [request(), labels({name(1, 0): 1.0}), labels({name(1, 0): 0.0}, day=2)]
    )
    assert states(ledger) == [1, 1, 0]


def test_an_older_truth_does_not_undo_a_newer_one() -> None:
    newer, older = labels({name(1, 0): 0.0}, day=2), labels({name(1, 0): 1.0}, day=1, received=9)
    assert states(Ledger().ingest([request()]).ingest([newer]).ingest([older])) == [1, 1, 0]


def test_of_two_labels_about_one_moment_the_one_that_came_later_counts() -> None:
    first, correction = labels({name(1, 0): 1.0}), labels({name(1, 0): 0.0}, received=2)
    assert states(Ledger().ingest([request()]).ingest([correction]).ingest([first])) == [1, 1, 0]


def test_a_label_before_its_prediction_waits_for_it() -> None:
    ledger = Ledger().ingest([labels({name(1, 0): 1.0, name(9, 0): 1.0})])
    assert ledger.last.waiting == 2
    ledger.ingest([request()])
    assert states(ledger) == [1, 0, 1]
    assert list(ledger.waiting) == [name(9, 0)]


def test_a_label_that_is_neither_0_nor_1_is_counted_as_invalid() -> None:
    ledger = Ledger().ingest([request(), labels({name(1, 0): 0.5, name(1, 1): 1.0})])
    assert (ledger.last.invalid, ledger.last.labels) == (1, 1)


def test_the_same_request_again_is_counted_once() -> None:
    ledger = Ledger().ingest([request()])
    bits = ledger.bits
    ledger.ingest([request(), request()])
    assert ledger.bits == bits
    assert ledger.last.duplicates == 2


def test_two_arms_of_one_request_are_counted_by_version() -> None:
    live = request(rows=[0, 2])
    canary = request(rows=[1, 3], release=2, model_ref="flights@2")
    ledger = Ledger().ingest([live, canary, labels({name(1, 3): 1.0})])
    assert ledger.summary("flights@1").labelled == 0
    assert ledger.summary("flights@2").labelled == 1


def test_a_column_that_a_request_leaves_out_is_missing() -> None:
    ledger = Ledger().ingest([request(inputs={"carrier": ["UA", "UA"]})])
    assert ledger.summary().column("distance")[-4] == 2


def test_hours_are_those_the_predictions_are_about() -> None:
    late = request(received_at=NOON + timedelta(days=5), at=NOON + timedelta(minutes=59))
    assert [key[2] for key in Ledger().ingest([late]).hours] == [NOON]


def test_records_survive_the_journal() -> None:
    record = request()
    assert msgspec.json.decode(msgspec.json.encode(record), type=AnyRecord) == record
