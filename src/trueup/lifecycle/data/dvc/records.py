"""What an import did: which versions it made, and what it could not take."""

from __future__ import annotations

from trueup.foundation.records import Record
from trueup.lifecycle.data.dvc.layout import Skipped
from trueup.lifecycle.data.records import DatasetVersion


class Missing(Record):
    """An output of which not all bytes are here.

    Attributes:
        path: Its place in the DVC repository.
        files: How many of its files are missing; 0 if even their list is.
        commit: The commit that names it; empty for the present one.
        mend: The command that brings them.
    """

    path: str
    files: int
    commit: str
    mend: str


class Imported(Record):
    """What an import did.

    Attributes:
        versions: New versions, in the order in which they were made.
        known: Outputs that were versions already.
        missing: Outputs that were not taken because bytes are missing.
        skipped: Outputs that DVC does not know by their content, and why.
    """

    versions: tuple[DatasetVersion, ...]
    known: tuple[str, ...]
    missing: tuple[Missing, ...]
    skipped: tuple[Skipped, ...]
