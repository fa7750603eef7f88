"""The two tables to compare: the files of a side become one lazy frame.

A CSV file is written once as Arrow into a folder of ours, because reading one column of it would
read all of it again. Nothing else is copied. Read `matching.py` next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from trueup.foundation.errors import UsageError

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".ipc", ".feather")
CSV = (".csv", ".tsv")
TABLES = (*PARQUET, *ARROW, *CSV)

_BATCH = 100_000
_Schema = dict[str, pl.DataType]


class TableFile(NamedTuple):
    """A file of a table: its name in the dataset, and where its bytes lie."""

    path: str
    place: Path

    @property
    def suffix(self) -> str:
        """What its name says that it is."""
        return Path(self.path).suffix.lower()


class Table(NamedTuple):
    """A table that can be read column by column.

    Attributes:
        frame: All rows, in the order of the files.
        schema: Column names, and the types that its files declare or that their text suggests.
        rows: Number of rows.
        is_guessed: Whether types were read out of text, so that they are no promise.
    """

    frame: pl.LazyFrame
    schema: _Schema
    rows: int
    is_guessed: bool


def is_table(path: str) -> bool:
    """Whether a file's name says that it holds a table."""
    return Path(path).suffix.lower() in TABLES


def open_tables(
    before: Sequence[TableFile], after: Sequence[TableFile], scratch: Path
) -> tuple[Table, Table]:
    """Both sides as tables whose columns can be compared.

    What one side holds as words, and the other side's text only looks like numbers or dates, is
    read as words on both: `007` is not 7 then.

    Args:
        before: Files of the first side.
        after: Files of the second side.
        scratch: An empty folder of ours, which must outlive the tables.

    Raises:
        UsageError: A file cannot be read as what its name says.
    """
    sides = (before, after)
    schemas = [_schema(files) for files in sides]
    as_words = [_words_of(schemas[1], schemas[0]), _words_of(schemas[0], schemas[1])]
    first, second = (
        _opened(files, schema, words, scratch / str(number))
        for number, (files, schema, words) in enumerate(zip(sides, schemas, as_words, strict=True))
    )
    return first, second


def open_table(files: Sequence[TableFile], scratch: Path) -> Table:
    """One side by itself, its types as its files declare them or as its text suggests.

    Args:
        files: Files of the table.
        scratch: A folder of ours that is not there yet, and must outlive the table.

    Raises:
        UsageError: A file cannot be read as what its name says.
    """
    return _opened(files, _schema(files), [], scratch)


def _words_of(theirs: _Schema, ours: _Schema) -> list[str]:
    return [name for name, type_ in theirs.items() if name in ours and type_ == pl.String]


def _schema(files: Sequence[TableFile]) -> _Schema:
    frames = []
    for file in files:
        try:
            frames.append(_scan(file).collect_schema().to_frame())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(file.path, error) from error
    try:
        together = dict(pl.concat(frames, how="diagonal_relaxed").schema)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(f"one of {len(files)} files", error) from error
    named = [set(frame.columns) for frame in frames if frame.columns]
    for file, names in zip(files[1:], named[1:], strict=False):
        if not names & named[0]:
            raise UsageError(
                "dataset-not-one-table",
                f"{file.path} and {files[0].path} have no column in common",
                hint="give each table a dataset of its own",
            )
    return together


def _opened(files: Sequence[TableFile], schema: _Schema, words: list[str], folder: Path) -> Table:
    folder.mkdir()
    frames = []
    for number, file in enumerate(files):
        try:
            frames.append(_readable(file, words, folder / f"{number}.arrow"))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(file.path, error) from error
    frame = pl.concat(frames, how="diagonal_relaxed", rechunk=False)
    try:
        rows = int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(f"one of {len(files)} files", error) from error
    return Table(frame, schema, rows, any(file.suffix in CSV for file in files))


def _readable(file: TableFile, words: list[str], arrow: Path) -> pl.LazyFrame:
    scanned = _scan(file)
    if file.suffix not in CSV or not scanned.collect_schema():
        return scanned
    overrides: _Schema = {name: pl.String() for name in words if name in scanned.collect_schema()}
    try:
        _scan(file, overrides).sink_ipc(arrow, record_batch_size=_BATCH)
    except pl.exceptions.ComputeError:  # a value far down is of another type than those above
        _scan(file, overrides, look_at=None).sink_ipc(arrow, record_batch_size=_BATCH)
    return pl.scan_ipc(arrow, glob=False)


def _scan(
    file: TableFile, overrides: _Schema | None = None, look_at: int | None = 10_000
) -> pl.LazyFrame:
    # A blob has no suffix; say that it is one file, so that nothing is globbed.
    if file.suffix in PARQUET:
        return pl.scan_parquet(file.place, glob=False)
    if file.suffix in ARROW:
        return pl.scan_ipc(file.place, glob=False)
    if file.place.stat().st_size == 0:
        return pl.LazyFrame()
    return pl.scan_csv(
        file.place,
        separator="\t" if file.suffix == ".tsv" else ",",
        try_parse_dates=True,
        infer_schema_length=look_at,
        schema_overrides=overrides,
        glob=False,
    )


def _unreadable(path: str, error: Exception) -> UsageError:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return UsageError(
        "dataset-unreadable",
        f"{path} cannot be read as a table: {said}.",
        hint=f"check the file '{path}'",
    )
