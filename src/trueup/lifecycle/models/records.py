"""The nouns of the model registry."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from trueup.foundation.questions import Task
from trueup.foundation.records import Record
from trueup.statistics.summaries import Bins

ColumnKind = Literal["number", "integer", "text", "boolean"]


class Column(Record):
    """One input of a model.

    Attributes:
        name: Column name.
        kind: What a value is.
        nullable: Whether a value may be missing.
    """

    name: str
    kind: ColumnKind
    nullable: bool = True


class Signature(Record, omit_defaults=True):
    """What a model takes and gives: one row of `inputs` in, one number out, or several.

    Attributes:
        inputs: The columns, in the model's order.
        output: Name of the answer: `score` is the probability of label 1, a number that is
            predicted, how high a row ranks; several classes or levels have one each.
        task: The kind of question that the model answers.
        classes: For several classes: what the label says, in the order of the answers.
        levels: For quantiles: their levels, rising.
        group: For a ranking: the column that says which rows are ranked together.
    """

    inputs: tuple[Column, ...]
    # Made anew, so that it is always written: only what a task adds may be left out.
    output: str = msgspec.field(default_factory=lambda: "score")
    task: Task = "binary"
    classes: tuple[int | str, ...] = ()
    levels: tuple[float, ...] = ()
    group: str = ""

    @property
    def width(self) -> int:
        """How many numbers a row gets; 0 for one number that is no list."""
        return len(self.classes) or len(self.levels)


class ColumnReference(Record):
    """A column as it was in training: frozen bins and exact counts."""

    bins: Bins
    counts: tuple[int, ...]


class Reference(Record):
    """What the training rows looked like; monitors compare traffic with it.

    Attributes:
        rows: Number of training rows.
        columns: Every input column, and `score` for the model's own output.
    """

    rows: int
    columns: dict[str, ColumnReference]


class ForeignFile(Record):
    """One file of a version that a client of another tool registered."""

    path: str
    digest: str
    size: int


class Foreign(Record):
    """Where a version comes from that no pipeline of ours made.

    Attributes:
        source: The URI that the client registered.
        location: The URI below which its files were.
        logged_model: Identifier of the logged model; empty for none.
        run_link: Address of its run elsewhere; empty for none.
        files: Its files as they were when it was registered; none where the server can't see them.
        quarantined: Why it is never loaded: its files hold a pickle, say; empty when nothing
            speaks against it.
    """

    source: str
    location: str
    logged_model: str = ""
    run_link: str = ""
    files: tuple[ForeignFile, ...] = ()
    quarantined: str = ""


class Manifest(Record):
    """All that makes a model version; its digest is the version's address.

    Attributes:
        model: Registered name.
        format: Name of the file format.
        file: Digest of the model file.
        signature: What it takes and gives.
        reference: Digest of the training reference (a `Reference` as JSON).
        holdout: Digest of the rows kept aside for gates (Parquet, with label).
        trained_on: Digest of the training rows (Parquet, with label).
        label: Column that is predicted.
        run: Identifier of the run that made it.
        pipeline: Name of the pipeline.
        parameters: Parameters of the run.
        data: Dataset name to snapshot digest.
        code: Fingerprint of the pipeline's code.
        commit: Git commit of the project.
        environment: Digest of the environment (Python and packages).
        features: Feature definition name to its digest, for those that its run used.
        source: Digest of the record by which the code can be built again; empty when unknown.
        golden: Digest of golden rows (`golden.py`); empty for a version that has none.
        foreign: Where it comes from when no pipeline of ours made it; most else is empty then.
    """

    model: str
    format: str
    file: str
    signature: Signature
    reference: str
    holdout: str
    trained_on: str
    label: str
    run: str
    pipeline: str
    parameters: dict[str, Any]
    data: dict[str, str]
    code: str
    commit: str
    environment: str
    features: dict[str, str] = {}
    source: str = ""
    golden: str = ""
    foreign: Foreign | None = None

    @property
    def quarantined(self) -> str:
        """Why the version is never loaded; empty when nothing speaks against it."""
        return self.foreign.quarantined if self.foreign else ""

    @property
    def foreign_source(self) -> str:
        """The URI that a client registered; empty for a version of a pipeline."""
        return self.foreign.source if self.foreign else ""


class ModelVersion(Record):
    """One immutable version of a registered model.

    Attributes:
        model: Registered name.
        version: From 1.
        digest: Digest of the manifest.
        manifest: What it is made of.
        registered_by: Who.
        registered_at: When.
        description: Words about it; may change.
        stage: `Staging`, `Production`, `Archived` or empty: clients of MLflow move it.
    """

    model: str
    version: int
    digest: str
    manifest: Manifest
    registered_by: str
    registered_at: datetime
    description: str = ""
    stage: str = ""

    @property
    def ref(self) -> str:
        """The reference of this version, such as `flights@3`."""
        return f"{self.model}@{self.version}"
