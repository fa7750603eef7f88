"""Everything that is said about the difference of two states of data."""

from __future__ import annotations

from typing import Any, Literal

from trueup.foundation.records import Record

Effect = Literal["none", "negligible", "small", "moderate", "large", "unknown"]
Matched = Literal["given", "found", "content"]


class Side(Record):
    """One of the two states.

    Attributes:
        label: How it was named: a reference or a path.
        digest: Digest of a version; empty for files of the work tree.
        files: Number of files.
        size: Their bytes.
    """

    label: str
    digest: str
    files: int
    size: int


class FileChange(Record):
    """One file that differs; a size is None where there is no such file."""

    path: str
    state: Literal["added", "removed", "changed"]
    size_before: int | None
    size_after: int | None


class FilesDifference(Record):
    """What differs in files.

    Attributes:
        added: Files that only the second state has.
        removed: Files that only the first state has.
        changed: Files of both, with other bytes.
        same: Files of both, with the same bytes.
        listed: The first of those that differ, by path.
    """

    added: int
    removed: int
    changed: int
    same: int
    listed: tuple[FileChange, ...]


class ColumnChange(Record):
    """A change of the columns themselves; names and types are empty where there is none.

    Attributes:
        state: What became of the column; `renamed` only when the content proves it.
        before: Name in the first state.
        after: Name in the second state.
        type_before: Type there.
        type_after: Type here.
    """

    state: Literal["added", "removed", "retyped", "renamed"]
    before: str
    after: str
    type_before: str
    type_after: str


class RowCounts(Record):
    """What became of the rows.

    Attributes:
        matched: How rows were matched: by a key that was given or found, or by their whole content.
        key: Columns of the key; empty when rows were matched by content.
        repeated: Keys that occur more than once; their rows are matched by whole content.
        added: Rows that only the second state has.
        removed: Rows that only the first state has.
        changed: Rows of both by key, with another value in at least one column of both.
        same: Rows of both with the same values.
    """

    matched: Matched
    key: tuple[str, ...]
    repeated: int
    added: int
    removed: int
    changed: int
    same: int


class Distribution(Record):
    """How the values of a column moved, in the statistics of the monitors.

    Attributes:
        bins: Names of the cells, frozen from the first state.
        before: Rows of the first state in every cell.
        after: Rows of the second state in every cell.
        shape_before: The first state as shares of a few bars, of equal width for numbers, to be
            drawn small.
        shape_after: The second state over the same bars.
        effect: The change in a word, from the population stability index less what chance adds.
        psi: That index; None if it cannot be taken.
        noise_floor: The index that chance alone stays below in 95 of 100 cases.
        jensen_shannon: Distance, 0 to 1.
        kolmogorov_smirnov: Distance of numbers, 0 to 1; None for words.
        wasserstein: Distance of numbers in their own unit; None for words.
        p_value: Chance of a difference this large if both were drawn from one source.
        words: What follows, in one sentence.
    """

    bins: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    shape_before: tuple[float, ...]
    shape_after: tuple[float, ...]
    effect: Effect
    psi: float | None
    noise_floor: float | None
    jensen_shannon: float | None
    kolmogorov_smirnov: float | None
    wasserstein: float | None
    p_value: float
    words: str


class ColumnDifference(Record):
    """What differs in one column that both states have.

    Attributes:
        name: Name in the second state.
        before: Name in the first state, when it was another.
        type: Type in the second state.
        changed: Cells that differ among the rows that both have; None without a key.
        missing_before: Missing values of the first state.
        missing_after: Missing values of the second state.
        mean_before: Mean of the first state; None for words.
        mean_after: Mean of the second state; None for words.
        distribution: How its values moved; None when it was not taken.
        why_not: Why it was not taken.
    """

    name: str
    before: str
    type: str
    changed: int | None
    missing_before: int
    missing_after: int
    mean_before: float | None = None
    mean_after: float | None = None
    distribution: Distribution | None = None
    why_not: str = ""


class RowSample(Record):
    """One row that differs, only when rows were asked for.

    Attributes:
        state: What became of it.
        values: Its values; of a changed row those of the second table.
        was: Of a changed row, what the first table has where they differ.
    """

    state: Literal["added", "removed", "changed"]
    values: dict[str, Any]
    was: dict[str, Any] = {}


class TableDifference(Record):
    """What differs between two tables."""

    rows_before: int
    rows_after: int
    schema: tuple[ColumnChange, ...]
    rows: RowCounts
    columns: tuple[ColumnDifference, ...]
    samples: tuple[RowSample, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the tables hold the same rows and columns."""
        rows = self.rows
        return not (self.schema or rows.added or rows.removed or rows.changed)


class Cost(Record):
    """What the comparison took.

    Attributes:
        seconds: Time.
        peak_bytes: The most memory that this process ever held.
    """

    seconds: float
    peak_bytes: int


class DataDifference(Record):
    """What differs between two states of data.

    Attributes:
        before: The first state.
        after: The second state.
        files: What differs in files.
        table: What differs in rows and columns; None when a side is no table or no file differs.
        why_no_table: Why there is none.
        cost: What the comparison took.
    """

    before: Side
    after: Side
    files: FilesDifference
    table: TableDifference | None
    why_no_table: str
    cost: Cost

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs but how the same rows are written down."""
        if self.table is not None:
            return self.table.is_empty
        return not (self.files.added or self.files.removed or self.files.changed)
