"""Reading predictions and registering journal segments, with permissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.foundation import digests
from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import DeniedError, NotFoundError
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Labels
from trueup.lifecycle.serving.service import Journals, Predictions
from trueup.state import eventlog
from trueup.state.unit import State

from .conftest import AT, prediction

AUTOMATION = service("automation")


def _write(folder: Path) -> str:
    journal = Journal(folder)
    request = "a" * 32
    journal.write(
        [
            prediction(
                request,
                rows=[0, 2],
                scores=[0.1, 0.7],
                entities=["N1", "N2"],
                inputs={"distance": [1.0, 7.0]},
            )
        ]
    )
    label = Labels(
        deployment="late", received_at=AT, predictions=[f"{request}-2"], labels=[1.0], at=AT
    )
    journal.write([label])
    journal.close()
    return request


def test_a_prediction_is_shown_with_its_inputs_and_its_label(
    state: State, folder: Path, viewer: Actor
) -> None:
    request = _write(folder)
    shown = Predictions(state, folder).show(viewer, f"{request}-2")
    assert shown.ref == f"prediction:{request}-2"
    assert (shown.entity, shown.inputs, shown.score) == ("N2", {"distance": 7.0}, 0.7)
    assert (shown.release, shown.model_ref) == (1, "flights@1")
    assert shown.label is not None
    assert (shown.label.value, shown.label.at) == (1.0, AT)


def test_the_newest_predictions_come_first(state: State, folder: Path, viewer: Actor) -> None:
    request = _write(folder)
    predictions = Predictions(state, folder)
    assert [p.id for p in predictions.query(viewer, "late")] == [f"{request}-2", f"{request}-0"]
    (newest,) = predictions.query(viewer, "late", limit=1)
    assert newest.label is not None
    assert predictions.query(viewer, "other") == []


@pytest.mark.parametrize(
    ("prediction_id", "because"),
    [(f"{'a' * 32}-1", "no such request and row"), ("nonsense", "32 hexadecimal digits")],
)
def test_an_unknown_prediction_is_said_to_be_unknown(
    state: State, folder: Path, viewer: Actor, prediction_id: str, because: str
) -> None:
    _write(folder)
    with pytest.raises(NotFoundError, match=because):
        Predictions(state, folder).show(viewer, prediction_id)


def test_strangers_read_nothing(state: State, folder: Path, stranger: Actor) -> None:
    request = _write(folder)
    with pytest.raises(DeniedError):
        Predictions(state, folder).show(stranger, f"{request}-2")
    with pytest.raises(DeniedError):
        Predictions(state, folder).query(stranger, "late")
    with pytest.raises(DeniedError):
        Journals(state).register(stranger, folder)


def test_a_sealed_segment_is_registered_once(state: State, folder: Path, viewer: Actor) -> None:
    _write(folder)
    journals = Journals(state)
    (segment,) = journals.register(AUTOMATION, folder)
    (path,) = folder.glob("*.journal")
    assert (segment.name, segment.records, segment.rows) == (path.stem, 2, 2)
    assert (segment.bytes, segment.digest) == (path.stat().st_size, digests.of_file(path))
    assert (segment.first_at, segment.last_at) == (AT, AT)
    assert journals.register(AUTOMATION, folder) == []
    assert journals.registered(viewer) == [segment]
    with state.read(viewer) as connection:
        (event,) = eventlog.about(connection, f"journal:{path.stem}")
    assert (event.type, event.after) == ("journal.segment-sealed", segment.digest)


def test_open_segments_are_not_registered(state: State, folder: Path) -> None:
    journal = Journal(folder)
    journal.write([prediction("a" * 32)])
    assert Journals(state).register(AUTOMATION, folder) == []
    journal.close()
    assert len(Journals(state).register(AUTOMATION, folder)) == 1
