"""The nouns of a model card."""

from __future__ import annotations

from typing import Final

from trueup.foundation import digests
from trueup.foundation.questions import Task
from trueup.foundation.records import Record
from trueup.lifecycle.models.records import Column

_CLASSES, _NUMBERS = "tabular-classification", "tabular-regression"
# As Hugging Face and CycloneDX call the kinds of question; they have no word for ranked rows.
TAGS: Final[dict[Task, str]] = {
    **{"binary": _CLASSES, "multiclass": _CLASSES},
    **{"regression": _NUMBERS, "quantile": _NUMBERS, "ranking": _NUMBERS},
}


class Figure(Record):
    """One metric on rows set aside.

    Attributes:
        metric: Its name.
        slice: Which rows: `carrier = AA`, or empty for all.
        value: What was measured; None where it is not defined on these rows.
        rows: How many rows it rests on.
    """

    metric: str
    slice: str
    value: float | None
    rows: int


class Finding(Record):
    """What a check of the last verdict found."""

    goal: str
    check: str
    outcome: str
    words: str


class Signed(Record):
    """An approval: who said yes or no, when, and why."""

    subject: str
    state: str
    by: str
    at: str
    reason: str


class Place(Record):
    """Where the version serves or served."""

    release: str
    state: str
    since: str
    until: str


class Card(Record):
    """A model card.

    Attributes:
        ref: The version, such as `flights@3`.
        digest: Its address.
        registered: When, and by whom.
        format: Its file format.
        quarantined: Why it is never loaded; empty when nothing speaks against it.
        purpose: Objective of the project, as the plan says.
        claims: What the plan's goals claim.
        inputs: What it takes.
        label: What it predicts.
        task: The kind of question that it answers.
        answers: What it answers, in words.
        judged_on: Where the rows of its figures are from; empty when there are none.
        data: Dataset to digest of the version it learned from.
        training_rows: Rows it was trained on; None when unknown.
        figures: Its metrics, on all rows that it is judged on and by slice.
        verdict: Reference and outcome of the last verdict; empty when there is none.
        findings: What the checks of that verdict found.
        limits: What speaks against using it, or is not known.
        risks: Threats that the plan names.
        approvals: Who let it out.
        attested: What was tested by hand: the test, who says so, since when, and until when.
        places: Where it served.
        made_by: The run, pipeline and commit it comes from, or the URI a client gave.
        parameters: Parameters of the run.
        environment: Python and machine; then its packages.
        packages: Distribution name to version.
        seconds: What its run took.
        cpu_seconds: Processor time of its run.
    """

    ref: str
    digest: str
    registered: str
    format: str
    quarantined: str
    purpose: str
    claims: tuple[str, ...]
    inputs: tuple[Column, ...]
    label: str
    task: Task
    answers: str
    judged_on: str
    data: dict[str, str]
    training_rows: int | None
    figures: tuple[Figure, ...]
    verdict: str
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]
    risks: tuple[str, ...]
    approvals: tuple[Signed, ...]
    attested: tuple[Signed, ...]
    places: tuple[Place, ...]
    made_by: dict[str, str]
    parameters: dict[str, str]
    environment: dict[str, str]
    packages: dict[str, str]
    seconds: float
    cpu_seconds: float

    @property
    def address(self) -> str:
        """The digest of all that the card says."""
        return digests.of_record(self)
