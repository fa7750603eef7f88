"""The nouns of drift: what was asked of each column, and what came out."""

from __future__ import annotations

from typing import Literal

from trueup.foundation.records import Record

Kind = Literal["numbers", "categories", "moments", "other"]
Verdict = Literal[
    "changed",
    "retyped",
    "absent",
    "not-enough-data",
    "negligible",
    "unchanged",
    "new",
    "not-compared",
]

HARMFUL: frozenset[Verdict] = frozenset({"changed", "retyped", "absent"})
"""What a check against a reference refuses."""


class Limits(Record):
    """When a difference counts.

    Attributes:
        effect: Smallest share of a column's rows whose change matters.
        false_alarms: Chance of any alarm in one comparison when nothing changed.
    """

    effect: float = 0.05
    false_alarms: float = 0.05


class Test(Record):
    """One question about one column.

    Attributes:
        what: `values`: are they spread as before? `missing`: are as many missing or infinite?
        method: Name of the test.
        verdict: Its answer.
        p_value: Chance of such a difference if nothing changed.
        adjusted: The same, corrected for how many questions were asked (Benjamini-Hochberg).
        observed: Share of rows that are elsewhere, as seen.
        effect: The same less what chance adds.
        noise_floor: What an unchanged column stays below in 95 of 100 cases.
        detectable: Smallest change that these rows show in 80 of 100 cases; None if none.
        rows_needed: Rows of the current data that would show the smallest change that matters; 0
            if there are enough, or if the reference itself is too small.
    """

    what: Literal["values", "missing"]
    method: str
    verdict: Verdict
    p_value: float
    adjusted: float
    observed: float
    effect: float
    noise_floor: float
    detectable: float | None
    rows_needed: int = 0


class Side(Record):
    """One of the two tables' values of a column.

    Attributes:
        type: As its own library calls it; empty where the column is absent.
        rows: All values.
        missing: Of them missing or NaN.
        infinite: Of them infinite.
        mean: Of the finite ones.
        deviation: Their standard deviation.
        quantiles: Smallest, 5 %, 25 %, 50 %, 75 %, 95 %, largest.
    """

    type: str = ""
    rows: int = 0
    missing: int = 0
    infinite: int = 0
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()


class Picture(Record):
    """The rows of both sides in a few cells, for the eye.

    Attributes:
        labels: Names of the cells; of numbers the edges, one more than cells.
        reference: Rows per cell.
        current: Rows per cell.
    """

    labels: tuple[str, ...] = ()
    reference: tuple[int, ...] = ()
    current: tuple[int, ...] = ()


class ColumnDrift(Record):
    """One column of both tables.

    Attributes:
        name: Its name.
        kind: What it holds.
        verdict: The gravest of its tests.
        words: The finding in one sentence.
        tests: What was asked.
        reference: Its values there.
        current: Its values now.
        distances: Each usual distance by its name; of numbers over 32 quantile bins where it needs
            bins, of categories over the frequent ones.
        picture: Both distributions.
    """

    name: str
    kind: Kind
    verdict: Verdict
    words: str
    tests: tuple[Test, ...] = ()
    reference: Side = Side()
    current: Side = Side()
    distances: dict[str, float] = {}
    picture: Picture = Picture()

    @property
    def gravest(self) -> Test | None:
        """The test that decided; None if none was made."""
        return next((test for test in self.tests if test.verdict == self.verdict), None)


class Together(Record):
    """Whether a classifier can tell the rows of one table from those of the other.

    Attributes:
        auc: Its area under the curve, on rows it had not seen.
        p_value: Chance of one this large if the tables were one.
        effect: 2 auc - 1, from 0 to 1.
        detectable: Smallest effect that these rows show in 80 of 100 cases.
        rows: Rows of each side that it saw.
        verdict: `changed`, `unchanged` or `not-enough-data`.
        words: The finding in one sentence.
        columns: What tells the rows apart most, and by how much the curve falls without it.
        left_out: Columns it did not see, and why.
    """

    auc: float
    p_value: float
    effect: float
    detectable: float
    rows: tuple[int, int]
    verdict: Verdict
    words: str
    columns: dict[str, float] = {}
    left_out: dict[str, str] = {}


class DriftReport(Record):
    """Two tables, compared column by column.

    Attributes:
        reference: What the first table is called.
        current: What the second table is called.
        rows_reference: Its rows.
        rows_current: Its rows.
        limits: When a difference counts.
        verdict: `changed` if a column is changed, retyped or absent; else `not-enough-data` if a
            column's answer is that; else `unchanged`.
        words: The same in one sentence.
        columns: Gravest first, and of these the largest effect first.
        together: All columns at once, if that was asked.
        seconds: How long it took.
    """

    reference: str
    current: str
    rows_reference: int
    rows_current: int
    limits: Limits
    verdict: Verdict
    words: str
    columns: tuple[ColumnDrift, ...]
    together: Together | None = None
    seconds: float = 0.0

    def column(self, name: str) -> ColumnDrift:
        """The column of that name.

        Raises:
            KeyError: Neither table has it.
        """
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the columns that changed, are absent or of another type."""
        return tuple(column.name for column in self.columns if column.verdict in HARMFUL)

    def __repr__(self) -> str:
        return f"<drift {self.reference} → {self.current}: {self.words}>"
