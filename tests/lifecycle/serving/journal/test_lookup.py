"""Finding single predictions and their labels."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from trueup.foundation.identifiers import time_ordered_id
from trueup.lifecycle.serving.journal import lookup
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Labels, Truth

from ..conftest import AT, prediction


def _labels(ids: list[str], values: list[Truth], hours: int = 0) -> Labels:
    at = AT + timedelta(hours=hours)
    return Labels(deployment="late", received_at=at, predictions=ids, labels=values, at=at)


def test_a_prediction_is_found_in_whichever_segment_it_is(folder: Path) -> None:
    journal = Journal(folder, segment_bytes=500)
    requests = [time_ordered_id().hex for _ in range(20)]
    for request in requests:
        journal.write([prediction(request, rows=[0, 2], scores=[0.1, 0.2])])
    for request in requests:
        found = lookup.find(folder, f"{request}-2")
        assert found is not None
        assert found.request == request
    assert lookup.find(folder, f"{requests[0]}-1") is None
    assert lookup.find(folder, f"{time_ordered_id().hex}-0") is None
    journal.close()


def test_it_is_found_even_when_the_clocks_disagreed(folder: Path) -> None:
    journal = Journal(folder)
    journal.write([prediction("0" * 32)])
    assert lookup.find(folder, f"{'0' * 32}-0") is not None
    journal.close()


@pytest.mark.parametrize(
    "text", ["", "x", "a" * 32, f"{'a' * 32}-", f"{'a' * 32}-1x", f"{'g' * 32}-1", f"{'a' * 32}-²"]
)
def test_what_is_no_prediction_id_finds_nothing(folder: Path, text: str) -> None:
    assert lookup.parse_id(text) is None
    assert lookup.find(folder, text) is None


def test_the_label_that_was_known_last_counts_in_whatever_order_they_come(folder: Path) -> None:
    journal = Journal(folder)
    one, two = f"{'a' * 32}-0", f"{'a' * 32}-1"
    journal.write([_labels([one, two], [0.0, 1.0])])
    journal.write([_labels([one], ["late"], hours=2)])
    journal.write([_labels([one], [True], hours=1)])
    journal.write([_labels([one], [True], hours=1)])
    found = lookup.labels_for(folder, [one, two, f"{'a' * 32}-2"])
    assert {name: [label.value for label in several] for name, several in found.items()} == {
        one: ["late", True, 0.0],
        two: [1.0],
    }
    assert found[one][0].at == AT + timedelta(hours=2)
    journal.close()


def test_many_labels_are_found_as_well_as_few(folder: Path) -> None:
    journal = Journal(folder)
    ids = [f"{'a' * 32}-{row}" for row in range(50)]
    journal.write([prediction("a" * 32, rows=list(range(50)), scores=[0.5] * 50)])
    journal.write([_labels(ids[:40], [1.0] * 40)])
    journal.close()
    assert set(lookup.labels_for(folder, ids)) == set(ids[:40])
    assert set(lookup.labels_for(folder, ids[38:42])) == set(ids[38:40])


def test_the_newest_predictions_of_one_deployment(folder: Path) -> None:
    journal = Journal(folder, segment_bytes=500)
    for number in range(10):
        name = "late" if number % 2 else "other"
        journal.write([prediction(f"{number:032x}", deployment=name)])
    found = lookup.newest(folder, "late", 3)
    assert [int(record.request, 16) for record in found] == [9, 7, 5]
    assert lookup.newest(folder, "nobody", 3) == []
    journal.close()


def test_a_shadow_is_not_taken_for_the_answer_that_it_stood_beside(folder: Path) -> None:
    journal = Journal(folder)
    request = "a" * 32
    journal.write([prediction(request, shadow=True, scores=[0.9])])
    journal.write([prediction(request)])
    journal.write([prediction(request, shadow=True, scores=[0.8])])
    journal.close()
    found = lookup.find(folder, f"{request}-0")
    assert found is not None
    assert found.scores == [0.15]
    assert [record.scores for record in lookup.newest(folder, "late", 10)] == [[0.15]]
