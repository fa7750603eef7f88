"""The nouns of data: one file of a version, a version, a change between two versions."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trueup.foundation.records import Record

PLAIN: Final = 0o100644
EXECUTABLE: Final = 0o100755
LINK: Final = 0o120000
MAIN: Final = "main"


class Entry(Record, kw_only=False, gc=False):
    """One file of a dataset version.

    Attributes:
        path: Its place in the dataset, with `/` between the parts.
        digest: Address of its bytes; of a symbolic link, of the text it points to.
        size: Length of these bytes.
        mode: `PLAIN`, `EXECUTABLE` or `LINK`, as Git writes them.
    """

    path: str
    digest: str
    size: int
    mode: int = PLAIN


class Change(Record, kw_only=False):
    """One file that two versions do not share.

    Attributes:
        path: Its place in the dataset.
        before: As it was; None if it was added.
        after: As it is; None if it was removed.
    """

    path: str
    before: Entry | None
    after: Entry | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


class DatasetVersion(Record, kw_only=True):
    """What a dataset held at one moment.

    Attributes:
        name: Name of the dataset.
        version: From 1, one series over all branches of the dataset.
        digest: Address of the manifest, which lists the files (`manifest.py`).
        path: Where the dataset lies in the project.
        is_file: Whether that is one file rather than a folder.
        files: Number of files.
        size: Bytes in all files.
        rows: Rows in all files, where they are Parquet or CSV of equal columns.
        columns: Column name to type, where they are.
        branch: The branch it was made on.
        parents: The versions it was made from: one, or two after a merge.
        message: Why, in the words of who took it.
        taken_by: Who took it.
        taken_at: When.
    """

    name: str
    version: int
    digest: str
    path: str
    is_file: bool = False
    files: int
    size: int
    rows: int | None = None
    columns: dict[str, str] = {}
    branch: str = MAIN
    parents: tuple[int, ...] = ()
    message: str = ""
    taken_by: str
    taken_at: datetime

    @property
    def ref(self) -> str:
        """The reference of this version, such as `data:flights@3`."""
        return f"data:{self.name}@{self.version}"


class Branch(Record):
    """A named line of versions of a dataset.

    Attributes:
        dataset: Name of the dataset.
        branch: Name of the branch.
        version: The newest version on it.
    """

    dataset: str
    branch: str
    version: int


class Forgotten(Record):
    """A version whose name and lineage stay, while its bytes may go.

    Attributes:
        dataset: Name of the dataset.
        version: Its number.
        by: Who said so.
        at: When.
        why: In their words.
        even_if_named: Whether they said so knowing that something else names it: its bytes may go
            all the same.
    """

    dataset: str
    version: int
    by: str
    at: datetime
    why: str = ""
    even_if_named: bool = False

    @property
    def told(self) -> str:
        """Who, when and why, for people."""
        return f"{self.at:%Y-%m-%d} by {self.by}" + (f": {self.why}" if self.why else "")
