"""All predictions that meet conditions, oldest first, with their labels; one segment at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from trueup.foundation.records import Record
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.records import Label, Labels, Predictions


class Wanted(Record):
    """What predictions have to meet; what is left out is met by all.

    Attributes:
        deployment: Where the request went.
        model_ref: The model version that answered.
        shadows: Shadows instead of answers.
        entity: Whom it is about.
        since: The first moment that it may be about.
        until: The moment before which it has to be.
        at_least: Lowest score.
        at_most: Highest score; with either, answers of several numbers are left out.
        inputs: Values of inputs, as text.
        labelled: Whether the truth is known.
    """

    deployment: str = ""
    model_ref: str = ""
    shadows: bool = False
    entity: str = ""
    since: datetime | None = None
    until: datetime | None = None
    at_least: float | None = None
    at_most: float | None = None
    inputs: dict[str, str] = {}
    labelled: bool | None = None


def search(folder: Path, wanted: Wanted) -> Iterator[tuple[Predictions, int, Label | None]]:
    """The records and the places in them that are wanted, each with its label.

    The labels are read first: of each that was known last, the prediction's id and value are held
    in memory. The predictions themselves are not.
    """
    labels = _labels(folder, wanted)
    for record, _ in read(folder):
        if not isinstance(record, Predictions) or not _may_hold(record, wanted):
            continue
        for place, row in enumerate(record.rows):
            label = labels.get(f"{record.request}-{row}")
            if wanted.labelled is not None and wanted.labelled != (label is not None):
                continue
            if _is_wanted(record, place, wanted):
                yield record, place, label


def _labels(folder: Path, wanted: Wanted) -> dict[str, Label]:
    newest: dict[str, Label] = {}
    for record, _ in read(folder):
        if not isinstance(record, Labels) or wanted.deployment not in ("", record.deployment):
            continue
        for prediction, value in zip(record.predictions, record.labels, strict=True):
            known = newest.get(prediction)
            if known is None or known.at <= record.at:
                newest[prediction] = Label(value=value, at=record.at)
    return newest


def _may_hold(record: Predictions, wanted: Wanted) -> bool:
    return (
        wanted.deployment in ("", record.deployment)
        and wanted.model_ref in ("", record.model_ref)
        and wanted.shadows == record.shadow
        and (wanted.since is None or record.at >= wanted.since)
        and (wanted.until is None or record.at < wanted.until)
    )


def _is_wanted(record: Predictions, place: int, wanted: Wanted) -> bool:
    if wanted.entity and (not record.entities or record.entities[place] != wanted.entity):
        return False
    for name, text in wanted.inputs.items():
        if name not in record.inputs or not _says(record.inputs[name][place], text):
            return False
    if wanted.at_least is None and wanted.at_most is None:
        return True
    score = record.scores[place]
    if isinstance(score, list):
        return False
    return (wanted.at_least is None or score >= wanted.at_least) and (
        wanted.at_most is None or score <= wanted.at_most
    )


def _says(value: object, text: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return value == float(text)
        except ValueError:
            return False
    return str("" if value is None else value).lower() == text.lower()
