"""What belongs to a dataset. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.data.records import DataFile, DatasetVersion

SUFFIXES = (".parquet", ".csv")


def content_digest(files: Sequence[DataFile]) -> str:
    """The address of a snapshot: what its files are called and hold."""
    return digests.of_record([builtins(file) for file in files])


def declared(name: str, known: Mapping[str, object]) -> None:
    """Refuse a dataset that the plan does not declare.

    Raises:
        NotFoundError: With the nearest declared name.
    """
    if name not in known:
        raise NotFoundError(
            "dataset-not-found",
            f"The plan declares no dataset '{name}'.{did_you_mean(name, known)}",
            hint=f'add to trueup.toml: [datasets.{name}] path = "data/{name}.parquet"',
        )


def same_columns(path: str, columns: Mapping[str, str], first: Mapping[str, str]) -> None:
    """Refuse a file whose columns differ from those of the dataset's first file.

    Raises:
        UsageError: Naming the columns that differ.
    """
    differing = sorted(name for name in {*columns, *first} if columns.get(name) != first.get(name))
    if differing:
        raise UsageError(
            "dataset-columns-differ",
            f"{path} differs from the first file of its dataset in {listing(differing[:5])}.",
            hint="give all files of one dataset the same columns and types",
        )


def change(before: DatasetVersion | None, after: DatasetVersion) -> dict[str, object]:
    """What a new snapshot changes, for the event log."""
    old = {file.path: file.digest for file in before.files} if before else {}
    new = {file.path: file.digest for file in after.files}
    return {
        "rows": after.rows,
        "rows_before": before.rows if before else 0,
        "added": sorted(new.keys() - old.keys())[:20],
        "removed": sorted(old.keys() - new.keys())[:20],
        "changed": sorted(p for p in new.keys() & old.keys() if new[p] != old[p])[:20],
    }
