"""The Parquet and CSV files of a version as one table: its columns, its rows."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from trueup.foundation.errors import TrueupError, UsageError
from trueup.lifecycle.data import manifest, rules
from trueup.lifecycle.data.records import LINK, Change, DatasetVersion, Entry
from trueup.ports.blobs import Blobs

if TYPE_CHECKING:
    import polars as pl

# Up to here the bytes are read at once; above, the store gives a file.
_SMALL: Final = 64 * 1024


class Table(NamedTuple):
    """Rows in all files, and column name to type; no rows and no columns where there is none."""

    rows: int | None = None
    columns: dict[str, str] = {}


def is_table(entry: Entry) -> bool:
    """Whether the file is, by its name, Parquet or CSV."""
    return entry.mode != LINK and entry.path.endswith(rules.SUFFIXES)


def of_version(
    blobs: Blobs, root: str, before: DatasetVersion | None, shown: str, *, strict: bool
) -> Table:
    """The table that the files of a manifest are.

    Only files that `before` does not hold are read, if `before` is a table.

    Args:
        blobs: Where they are.
        root: The manifest.
        before: The version it was made from.
        shown: The dataset's place, for messages.
        strict: Whether a file that cannot be read, or has other columns, is an error.

    Raises:
        UsageError: A file cannot be read, or its columns differ from the first one's.
    """
    try:
        if before is not None and before.columns and before.rows is not None:
            changed = list(manifest.difference(blobs, before.digest, root))
            found = _after(blobs, Table(before.rows, before.columns), changed, shown)
            if found is not None:
                return found
        return _together(blobs, manifest.entries(blobs, root), shown)
    except UsageError:
        if strict:
            raise
        return Table()


def load(blobs: Blobs, version: DatasetVersion) -> pl.DataFrame:
    """All rows of a version, the columns in the order of the first file.

    Raises:
        UsageError: It holds no table, or a value far down a file is not of its column's type.
        BackendError: The stored bytes have changed.
    """
    import polars as pl

    frames: list[pl.DataFrame] = []
    for entry in manifest.entries(blobs, version.digest):
        if not is_table(entry):
            continue
        suffix = PurePosixPath(entry.path).suffix
        shown = _shown(version.path, entry.path, is_file=version.is_file)
        raw = blobs.get(entry.digest)  # checks the bytes against the digest
        with _readable(suffix, shown):
            frame = _lazy(raw, suffix).collect()
        if frames and _says_nothing(suffix, frame.height, frame.columns, frames[0].columns):
            continue
        if frames and _says_nothing(suffix, frames[0].height, frames[0].columns, frame.columns):
            frames = []
        if frames:
            schema = {name: str(kind) for name, kind in frames[0].schema.items()}
            rules.same_columns(shown, {n: str(k) for n, k in frame.schema.items()}, schema)
        frames.append(frame.select(frames[0].columns) if frames else frame)
    if not frames:
        raise UsageError(
            "dataset-no-table",
            f"{version.ref} holds no {' or '.join(rules.SUFFIXES)} file, so it has no rows.",
            hint=f"trueup data show {version.ref}",
        )
    return pl.concat(frames)


def of_file(place: Path, shown: str) -> pl.DataFrame:
    """All rows of a file of the work tree.

    Raises:
        UsageError: It is neither Parquet nor CSV, or cannot be read as what its name says.
    """
    if place.suffix not in rules.SUFFIXES or not place.is_file():
        raise UsageError(
            "dataset-no-table",
            f"{shown} is no {' or '.join(rules.SUFFIXES)} file, so it has no rows.",
            hint=f"check the file '{shown}'",
        )
    with _readable(place.suffix, shown):
        return _lazy(place, place.suffix).collect()


def _together(blobs: Blobs, entries: Iterable[Entry], shown: str) -> Table:
    rows = 0
    columns: dict[str, str] = {}
    first = ""
    for entry in entries:
        if is_table(entry):
            found = _of_file(blobs, entry, _place(shown, entry.path))
            names = found.columns.keys()
            if columns and _says_nothing(entry.path, found.rows, names, columns):
                continue
            if not rows and _says_nothing(first, 0, columns, names):
                columns = {}
            columns, first = columns or found.columns, first or entry.path
            rules.same_columns(_place(shown, entry.path), found.columns, columns)
            rows += found.rows or 0
    return Table(rows, columns) if columns else Table()


def _says_nothing(
    path: str, rows: int | None, names: Collection[str], expected: Collection[str]
) -> bool:
    """Whether a file is CSV without rows but with these columns: its types are no evidence."""
    return path.endswith(".csv") and not rows and set(names) == set(expected)


def _after(blobs: Blobs, before: Table, changes: list[Change], shown: str) -> Table | None:
    """The table after some changes; None if its columns changed, so that all must be read."""
    rows = before.rows or 0
    for each in changes:
        for sign, entry in ((-1, each.before), (1, each.after)):
            if entry is None or not is_table(entry):
                continue
            found = _of_file(blobs, entry, _place(shown, entry.path))
            names = found.columns.keys()
            if _says_nothing(entry.path, found.rows, names, before.columns):
                continue
            if found.columns != before.columns:
                return None
            rows += sign * (found.rows or 0)
    # The last table may be gone; only reading all can tell.
    return Table(rows, before.columns) if rows else None


def _of_file(blobs: Blobs, entry: Entry, shown: str) -> Table:
    import polars as pl

    suffix = PurePosixPath(entry.path).suffix
    small = entry.size < _SMALL
    source = blobs.get(entry.digest) if small else blobs.local_path(entry.digest)
    with _readable(suffix, shown):
        frame = _lazy(source, suffix)
        columns = {name: str(kind) for name, kind in frame.collect_schema().items()}
        rows = int(frame.select(pl.len()).collect().item())
    return Table(rows, columns)


def _lazy(source: bytes | Path, suffix: str) -> pl.LazyFrame:
    import polars as pl

    given = io.BytesIO(source) if isinstance(source, bytes) else source
    if suffix == ".csv":
        return pl.scan_csv(given, try_parse_dates=True, infer_schema_length=10_000)
    # The blob has no suffix; say that it is one file, so that nothing is globbed.
    return pl.scan_parquet(given, glob=False)


@contextmanager
def _readable(suffix: str, shown: str) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except TrueupError:
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(
            "dataset-unreadable",
            f"{shown} cannot be read as {suffix[1:]}: {str(error).splitlines()[0]}.",
            hint=f"check the file '{shown}'",
        ) from error


def _shown(path: str, entry: str, *, is_file: bool) -> str:
    return path if is_file else f"{path}/{entry}"


def _place(shown: str, entry: str) -> str:
    """Where a file lies: a dataset that is one file has that file's own place."""
    return shown if shown.rpartition("/")[2] == entry else f"{shown}/{entry}"
