"""The nouns of data."""

from __future__ import annotations

from datetime import datetime

from trueup.foundation.records import Record


class DataFile(Record):
    """One file of a snapshot: its place in the dataset, its bytes, its rows."""

    path: str
    digest: str
    size: int
    rows: int


class DatasetVersion(Record):
    """A snapshot of a dataset.

    Attributes:
        name: Name in the plan.
        version: From 1, rising when the content changes.
        digest: Address of the file list.
        files: The files, by path.
        columns: Column name to type.
        rows: Rows in all files.
        taken_by: Who took it.
        taken_at: When.
    """

    name: str
    version: int
    digest: str
    files: tuple[DataFile, ...]
    columns: dict[str, str]
    rows: int
    taken_by: str
    taken_at: datetime

    @property
    def ref(self) -> str:
        """The reference of this snapshot, such as `data:flights@3`."""
        return f"data:{self.name}@{self.version}"
