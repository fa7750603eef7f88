"""Rows alone: which families of data checks can say something about them, and what they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trueup.foundation import threads
from trueup.foundation.records import Record
from trueup.lifecycle.gates import running
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.demands import AnyDemand, Drift

AT_ONCE: Final = 2  # Polars uses every core by itself
FAMILIES: Final = ("schema", "leakage", "conflicts", "outliers", "privacy", "drift")
"""What rows can be asked, in the order of reports."""


class Survey(Record):
    """What all families found about some rows.

    Attributes:
        name: What the rows are called.
        rows: How many there are.
        columns: How many columns they have.
        label: Column that is predicted; empty for none.
        environment: What the rows are for.
        results: The findings.
    """

    name: str
    rows: int
    columns: int
    label: str
    environment: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check refuses them."""
        return not any(result.refuses for result in self.results)

    @property
    def outcome(self) -> str:
        """PASSED or FAILED."""
        return "PASSED" if self.passed else "FAILED"


def survey(
    sample: Sample,
    demands: Sequence[AnyDemand],
    absent: Sequence[CheckResult] = (),
    before: Sample | None = None,
) -> Survey:
    """Ask everything about some rows.

    Args:
        sample: The rows.
        demands: What to ask.
        absent: Families that cannot be asked, each with what it needs.
        before: The same rows beside those that they are compared with for drift; None for none.
    """

    asked = [(demand, sample) for demand in demands]
    if before is not None:
        asked.append((Drift(), before))
    with threads.pool(AT_ONCE, "check") as pool:
        found = [*pool.map(lambda pair: running.of_sample(*pair), asked), *absent]
    return Survey(
        name=sample.name,
        rows=sample.rows.height,
        columns=sample.rows.width,
        label=sample.label,
        environment=sample.environment,
        results=tuple(sorted(found, key=lambda result: FAMILIES.index(result.check))),
    )
