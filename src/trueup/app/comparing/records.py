"""What differs between two model versions, part by part."""

from __future__ import annotations

from typing import Any, Literal

from trueup.foundation.records import Record
from trueup.lifecycle.data.difference.records import DataDifference
from trueup.lifecycle.runs.features.records import FeatureChange


class DatasetChange(Record):
    """One dataset that differs; a reference is empty where the version did not read it."""

    name: str
    before: str
    after: str
    difference: DataDifference | None = None


class CodeFile(Record):
    """One file of the project that differs.

    Attributes:
        path: Its place in the project.
        added: Lines added; None for a file that is no text.
        removed: Lines removed; None for a file that is no text.
        reached: Whether the code of a run is known to have reached it.
    """

    path: str
    added: int | None
    removed: int | None
    reached: bool


class CodeChange(Record):
    """What differs in code.

    Attributes:
        before: Commit of the first version.
        after: Commit of the second version.
        dirty_before: Whether files differed from that commit.
        dirty_after: Whether files differed from that commit.
        same_steps: Whether the pipeline's own code, with all that it reaches, is the same.
        files: Files of the project that differ.
        patch: The difference as a patch, when it was asked for.
        problem: Why files could not be compared; empty when they were.
    """

    before: str
    after: str
    dirty_before: bool
    dirty_after: bool
    same_steps: bool
    files: tuple[CodeFile, ...] = ()
    patch: str = ""
    problem: str = ""


class FeatureSetChange(Record):
    """One feature definition that differs; a reference is empty where there is none."""

    name: str
    before: str
    after: str
    changes: tuple[FeatureChange, ...] = ()


class ValueChange(Record):
    """One named value that differs; None where there is none."""

    name: str
    before: Any
    after: Any


class MetricChange(Record):
    """One number that was measured of both, or of one.

    Attributes:
        name: Step and metric, or goal and check.
        before: The first number.
        after: The second number.
        difference: Second less first; None when one is missing.
    """

    name: str
    before: float | None
    after: float | None
    difference: float | None


class VerdictChange(Record):
    """The newest verdict about each version; empty where there is none."""

    before: str
    before_outcome: Literal["PASSED", "FAILED", ""]
    after: str
    after_outcome: Literal["PASSED", "FAILED", ""]
    checks: tuple[MetricChange, ...]


class VersionDifference(Record):
    """All that differs between two model versions.

    Attributes:
        before: Reference of the first.
        after: Reference of the second.
        data: Datasets that differ.
        code: What differs in code.
        features: Feature definitions that differ.
        parameters: Parameters that differ.
        environment: Python, platform and packages that differ.
        model: Format, label and inputs that differ.
        metrics: What the steps of both runs measured.
        verdicts: What the gates said.
    """

    before: str
    after: str
    data: tuple[DatasetChange, ...]
    code: CodeChange
    features: tuple[FeatureSetChange, ...]
    parameters: tuple[ValueChange, ...]
    environment: tuple[ValueChange, ...]
    model: tuple[ValueChange, ...]
    metrics: tuple[MetricChange, ...]
    verdicts: VerdictChange
