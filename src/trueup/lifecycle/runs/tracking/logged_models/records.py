"""The nouns of logged models. Times are whole milliseconds since 1970, as the clients send them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.records import Life

ModelState = Literal["unspecified", "pending", "ready", "failed"]


class ModelPoint(NamedTuple):
    """One value of a metric of a logged model.

    Attributes:
        key: Name of the metric.
        value: May be NaN.
        step: Where in the training.
        at: When.
        run: Identifier of the run that measured it.
        dataset: Name of the dataset it was measured on; empty when unknown.
        dataset_digest: That dataset's digest, by the client's own word.
    """

    key: str
    value: float
    step: int
    at: int
    run: str
    dataset: str = ""
    dataset_digest: str = ""


class LoggedModel(Record):
    """A model that a client's code saved.

    Attributes:
        id: `m-` and 32 hexadecimal digits if it was made here; imported ones keep theirs.
        experiment: Number of its experiment.
        name: For people; need not be unique.
        kind: What the client calls its type; empty when it says nothing.
        run: Identifier of the run that made it; empty for none.
        state: `pending` until its files are complete.
        life: Deleted ones are kept.
        created_at: When it was made.
        updated_at: When it was changed last.
        artifacts: Where its files are, as a URI.
        params: Never change once set.
        tags: May change.
        metrics: What was measured of it.
    """

    id: str
    experiment: int
    name: str
    kind: str
    run: str
    state: ModelState
    life: Life
    created_at: int
    updated_at: int
    artifacts: str
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: tuple[ModelPoint, ...] = ()


class Dataset(NamedTuple):
    """A dataset that metrics were measured on; without a digest every state of it is meant."""

    name: str
    digest: str = ""


class Order(NamedTuple):
    """One thing that found models are sorted by.

    Attributes:
        field: An attribute, or `metrics.` and a name.
        ascending: Smallest first; what has no value comes last either way.
        dataset: For a metric: only as measured on it.
    """

    field: str
    ascending: bool = True
    dataset: Dataset | None = None
