"""The verbs of serving: what was predicted, and which journal segments are final.

The server itself is `application.py`; it writes to the journal, never to the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from trueup.foundation import clock, digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.models import leave
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.usable import check_usable
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.serving import table
from trueup.lifecycle.serving.checking import replay as replaying
from trueup.lifecycle.serving.checking.replay import Replay
from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.journal import frames, lookup, searching
from trueup.lifecycle.serving.journal.searching import Wanted
from trueup.lifecycle.serving.records import (
    Label,
    Prediction,
    SealedSegment,
)
from trueup.lifecycle.serving.records import (
    Predictions as PredictionsRecord,
)
from trueup.state.unit import State


class Predictions:
    """What was answered, read from the journal.

    Args:
        state: Decides who may read.
        journal_folder: The journal's folder.
    """

    def __init__(self, state: State, journal_folder: Path) -> None:
        self._state = state
        self._folder = journal_folder

    def query(self, actor: Actor, deployment: str, limit: int = 100) -> list[Prediction]:
        """The newest predictions of a deployment, newest first, with the labels that have come."""
        with self._state.read(actor):
            records = lookup.newest(self._folder, deployment, limit)
            newest = [_row(record, row) for record in records for row in reversed(record.rows)]
            del newest[limit:]
            labels = lookup.labels_for(self._folder, [prediction.id for prediction in newest])
        return [_labelled(prediction, labels) for prediction in newest]

    def search(self, actor: Actor, wanted: Wanted) -> Iterator[Prediction]:
        """All predictions that meet conditions, oldest first, each with the label that counts."""
        with self._state.read(actor):
            found = searching.search(self._folder, wanted)
        return (
            _labelled(_row(record, record.rows[place]), _one(record, place, label))
            for record, place, label in found
        )

    def show(self, actor: Actor, prediction_id: str) -> Prediction:
        """One prediction, with its label if that has come.

        Raises:
            NotFoundError: The journal holds no such prediction.
        """
        with self._state.read(actor):
            record = lookup.find(self._folder, prediction_id)
            if record is None:
                raise _unknown(prediction_id)
            labels = lookup.labels_for(self._folder, [prediction_id])
        prediction = _row(record, int(prediction_id.rpartition("-")[2]))
        return _labelled(prediction, labels)

    def replay(
        self, actor: Actor, deployment: str, model: str, selector: str, asked: Replay
    ) -> CheckResult:
        """Let a model version answer a deployment's logged rows, and compare row by row.

        Raises:
            NotFoundError: There is no such deployment in the plan, or no such version.
            DeniedError: The version is quarantined, or code that the plan does not let run.
        """
        with self._state.read(actor, "gates.run") as connection:
            planned = in_force(connection).plan.deployments
            if deployment not in planned:
                raise NotFoundError(
                    "deployment-not-found",
                    f"The plan has no deployment '{deployment}'."
                    f"{did_you_mean(deployment, planned)}",
                    hint="trueup deployment list",
                )
            version = models.find(connection, model, selector)
            check_usable(version)
            allowed = leave.of_version(connection, version)
        logged = replaying.traffic(self._folder, deployment, asked.rows)
        predict = models.load_predictor(self._state.blobs, version.manifest, allowed)
        return replaying.check(logged, version.ref, predict, version.manifest.signature, asked)


class Journals:
    """The sealed segments of journals, on record with their digests."""

    def __init__(self, state: State) -> None:
        self._state = state

    def register(self, actor: Actor, journal_folder: Path) -> list[SealedSegment]:
        """Put on record all segments that were sealed since the last time; returns those.

        Called again, or by two at once, it records each segment once.
        """
        with self._state.read(actor) as connection:
            known = table.names(connection)
        sealed = [
            _facts(segment)
            for segment in folders.segments(journal_folder)
            if segment.sealed and segment.name not in known
        ]
        fresh = [segment for segment in sealed if segment is not None]
        if not fresh:
            return []
        with self._state.write(actor, "monitoring.run") as unit:
            known = table.names(unit.connection)
            fresh = [segment for segment in fresh if segment.name not in known]
            for segment in fresh:
                values = {name: getattr(segment, name) for name in segment.__struct_fields__}
                unit.execute(table.journal_segments.insert().values(**values))
                unit.emit(
                    "journal.segment-sealed",
                    f"journal:{segment.name}",
                    after=segment.digest,
                    data=builtins(segment),
                )
        return fresh

    def registered(self, actor: Actor) -> list[SealedSegment]:
        """All segments on record, oldest first."""
        with self._state.read(actor) as connection:
            return table.segments(connection)


def _facts(segment: folders.Segment) -> SealedSegment | None:
    raw = segment.read()
    first: datetime | None = None
    last: datetime | None = None
    records = rows = 0
    for frame in frames.walk(raw, over_damage=True):
        for record in frames.decode(raw, frame):
            first = min(first or record.received_at, record.received_at)
            last = max(last or record.received_at, record.received_at)
            records += 1
            rows += len(record.rows) if isinstance(record, PredictionsRecord) else 0
    if first is None or last is None:
        return None
    return SealedSegment(
        name=segment.name,
        first_at=first,
        last_at=last,
        records=records,
        rows=rows,
        bytes=len(raw),
        digest=digests.of_bytes(raw),
        sealed_at=clock.now(),
    )


def _row(record: PredictionsRecord, row: int) -> Prediction:
    place = record.rows.index(row)
    return Prediction(
        id=f"{record.request}-{row}",
        deployment=record.deployment,
        received_at=record.received_at,
        at=record.at,
        release=record.release,
        model_ref=record.model_ref,
        entity=record.entities[place] if record.entities else "",
        inputs={name: values[place] for name, values in record.inputs.items()},
        score=record.scores[place],
    )


def _one(record: PredictionsRecord, place: int, label: Label | None) -> dict[str, list[Label]]:
    return {f"{record.request}-{record.rows[place]}": [label]} if label else {}


def _labelled(prediction: Prediction, labels: Mapping[str, list[Label]]) -> Prediction:
    known = labels.get(prediction.id)
    if not known:
        return prediction
    fields = {name: getattr(prediction, name) for name in prediction.__struct_fields__}
    return Prediction(**(fields | {"label": known[0], "earlier": tuple(known[1:])}))


def _unknown(prediction_id: str) -> NotFoundError:
    if lookup.parse_id(prediction_id) is None:
        because = "an id is 32 hexadecimal digits, '-' and the row, as the reply gave it"
    else:
        because = "the journal holds no such request and row"
    return NotFoundError(
        "prediction-not-found",
        f"There is no prediction '{prediction_id}': {because}.",
        hint="trueup prediction list",
    )
