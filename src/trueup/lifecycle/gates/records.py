"""The nouns of gates."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from trueup.foundation.records import Record
from trueup.lifecycle.plan.demands import GateName

CheckOutcome = Literal["passed", "failed", "not-enough-data", "error", "not-applicable"]
VerdictOutcome = Literal["PASSED", "FAILED"]
HOLDOUT: Final = "holdout"
"""Where the rows of a version of a pipeline are from: the pipeline set them aside."""


class Part(Record):
    """One of the things that a check looked at: a slice, a column, a case, a level of noise.

    Attributes:
        name: Which one.
        outcome: As of a check.
        words: The finding in one sentence.
        value: What was measured.
        lower: Lower end of its interval.
        upper: Upper end of its interval.
        limit: What it was held against.
        rows: Rows it rests on.
    """

    name: str
    outcome: CheckOutcome
    words: str = ""
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    rows: int = 0


class CheckResult(Record):
    """What one check found.

    Attributes:
        check: Family of the check, such as `limit`, `champion`, `leakage` or `answers`.
        outcome: Only `passed` passes; `not-applicable` is stated with its reason.
        words: The finding in one sentence.
        goal: Goal that demands it; empty for checks that every gate makes.
        value: What was measured.
        bound: Confidence bound of it, on the side that matters.
        limit: What it was held against.
        confidence: One-sided confidence of the bound.
        rows: Rows it rests on.
        rows_needed: Rows that would do, when there were not enough.
        detectable: Smallest true effect that this many rows would show in 80 of 100 cases.
        advisory: Whether it is shown only and refuses nothing.
        parts: What it looked at, one by one.
    """

    check: str
    outcome: CheckOutcome
    words: str
    goal: str = ""
    value: float | None = None
    bound: float | None = None
    limit: float | None = None
    confidence: float | None = None
    rows: int = 0
    rows_needed: int = 0
    detectable: float | None = None
    advisory: bool = False
    parts: tuple[Part, ...] = ()

    @property
    def name(self) -> str:
        """How it is called, such as `accurate.limit`; a check of every gate has no goal."""
        return f"{self.goal}.{self.check}" if self.goal else self.check

    @property
    def refuses(self) -> bool:
        """Whether it keeps a version from passing: only `passed` passes."""
        return not self.advisory and self.outcome not in ("passed", "not-applicable")


class Ground(Record):
    """The rows that a version is judged on.

    Attributes:
        rows: Where they are from: `holdout`, set aside by its own pipeline; `data:late@3`; a file.
        data: Digest of the rows (Parquet, with label).
        label: Column that is predicted.
        trained_on: Digest of the rows that it learned from; empty when they are not known.
    """

    rows: str
    data: str
    label: str
    trained_on: str


class Waiver(Record):
    """Somebody's leave for one version to pass in spite of one check, for a while.

    Attributes:
        id: Short identifier.
        model_ref: The version.
        model: Digest of its manifest: another content is not meant.
        check: Name of the check, such as `accurate.limit`.
        reason: Why.
        given_by: Who answers for it.
        given_at: When.
        until: From then on it counts no longer, and neither does a verdict that needs it.
        withdrawn_at: When it was taken back.
    """

    id: str
    model_ref: str
    model: str
    check: str
    reason: str
    given_by: str
    given_at: datetime
    until: datetime
    withdrawn_at: datetime | None = None

    def __str__(self) -> str:
        until = f"{self.until:%Y-%m-%d}"
        return f"{self.check} is waived until {until} by {self.given_by}: {self.reason}"

    def counts_at(self, at: datetime) -> bool:
        """Whether it is in force at a moment."""
        return at < self.until and (self.withdrawn_at is None or at < self.withdrawn_at)


class Statement(Record):
    """What a verdict says, and all that it rests on; the same evidence gives the same bytes.

    Attributes:
        model_ref: Model version, such as `flights@3`.
        model: Digest of the version's manifest.
        plan: Digest of the plan and its metric code.
        data: Digest of the rows it was judged on.
        champion: Digest of the manifest it was compared with; empty when there was none.
        metrics: Metric name to fingerprint of its code.
        outcome: PASSED when every check passed.
        results: The checks.
        rows: Where those rows are from: `holdout`, set aside by its own pipeline; `data:late@3`;
            a file.
        label: Column that is predicted.
        trained_on: Digest of the rows it learned from; empty when they are not known.
        reference: What a version without training rows is watched by: digest of a `Reference` of
            the rows it was judged on; empty for a version that has its own.
        gate: The gate whose demands were checked.
        environment: Digest of the environment that the version was made in; empty when unknown.
        waivers: Those without which it would not have passed.
    """

    model_ref: str
    model: str
    plan: str
    data: str
    champion: str
    metrics: dict[str, str]
    outcome: VerdictOutcome
    results: tuple[CheckResult, ...]
    rows: str = HOLDOUT
    label: str = ""
    trained_on: str = ""
    reference: str = ""
    gate: GateName = "production"
    environment: str = ""
    waivers: tuple[Waiver, ...] = ()


class Replay(Record):
    """What came out when a verdict was reached again from the digests it names.

    Attributes:
        verdict: Identifier of the verdict.
        digest: Digest of the statement as signed.
        again: Digest of the statement as it comes out now.
        same: Whether both have the same bytes.
        differing: Checks that find something else now.
        taken_over: Checks that measured time: their findings were taken over as recorded.
    """

    verdict: str
    digest: str
    again: str
    same: bool
    differing: tuple[str, ...]
    taken_over: tuple[str, ...]


class Verdict(Record):
    """A signed statement.

    Attributes:
        id: Short identifier.
        statement: What it says.
        digest: Digest of the statement.
        signature: Hex Ed25519 signature of the digest.
        key: Which key signed.
        given_by: Who asked for it.
        given_at: When.
        seconds: How long the checks took.
    """

    id: str
    statement: Statement
    digest: str
    signature: str
    key: str
    given_by: str
    given_at: datetime
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether it allows a release."""
        return self.statement.outcome == "PASSED"
