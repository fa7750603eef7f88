"""The two tables of a comparison, read column by column: files, or frames of any library."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.data.difference import sides
from trueup.lifecycle.data.difference.sides import TableFile
from trueup.lifecycle.gates.drift.records import Kind
from trueup.lifecycle.pipeline.passing import frames


class Table(NamedTuple):
    """A table of named columns.

    Attributes:
        name: How findings call it.
        schema: Column names and their types.
        rows: Number of rows.
        read: Some columns of all rows.
        troubles: Columns whose values have no common type, and why.
    """

    name: str
    schema: Mapping[str, pl.DataType]
    rows: int
    read: Callable[[Sequence[str]], pl.DataFrame]
    troubles: Mapping[str, str] = {}


def of_frame(value: Any, name: str) -> Table:
    """A frame of Polars, pandas or Arrow, a NumPy array with named fields, or named columns.

    Raises:
        UsageError: It is none of these, or two columns have one name.
    """
    if isinstance(value, pl.LazyFrame):
        rows = int(value.select(pl.len()).collect().item())
        lazy = value
        return Table(name, lazy.collect_schema(), rows, lambda names: _collected(lazy, names, name))
    troubles: dict[str, str] = {}
    try:
        frame = _as_polars(value, name, troubles)
    except UsageError:
        raise
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            "frame-unknown",
            f"The {name} data is no table: {said}.",
            hint="trueup explain frame-unknown",
        ) from error
    return Table(name, frame.schema, frame.height, frame.select, troubles)


@contextmanager
def opened(place: Path, name: str) -> Iterator[Table]:
    """A file, or a folder of files that are one table; text is written out once as Arrow.

    Raises:
        NotFoundError: There is nothing at the place.
        UsageError: It holds no table, or cannot be read as what its name says.
    """
    files = list(_files(place, name))
    for file in files:
        if file.suffix in sides.CSV:
            _check_header(file)
    with TemporaryDirectory(prefix="trueup-drift-") as folder:
        found = sides.open_table(files, Path(folder) / "text")
        lazy = found.frame
        yield Table(name, found.schema, found.rows, lambda names: _collected(lazy, names, name))


def chosen(
    reference: Table, current: Table, columns: Sequence[str], ignore: Sequence[str]
) -> list[str]:
    """The columns that are asked about, in the order of the reference.

    Raises:
        UsageError: One that is named is in neither table.
    """
    known = list(dict.fromkeys([*reference.schema, *current.schema]))
    for name in (*columns, *ignore):
        if name not in known:
            raise UsageError(
                "column-unknown",
                f"Neither table has a column '{name}'.{did_you_mean(name, known)}",
                hint="trueup drift REFERENCE CURRENT",
            )
    wanted = set(columns) or set(known)
    return [name for name in known if name in wanted and name not in set(ignore)]


def kind_of(type_: pl.DataType) -> Kind:
    """What a type of column holds, however it is stored."""
    if type_.is_numeric() or type_ in (pl.Time, pl.Duration):
        return "numbers"
    if type_.is_temporal():
        return "moments"
    if type_ in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return "categories"
    return "other"


def _collected(lazy: pl.LazyFrame, names: Sequence[str], shown: str) -> pl.DataFrame:
    try:
        return lazy.select(names).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            "dataset-unreadable",
            f"{shown} cannot be read as a table: {said}.",
            hint=f"check the file '{shown}'",
        ) from error


def _files(place: Path, shown: str) -> Iterator[TableFile]:
    if not place.exists():
        raise NotFoundError(
            "path-not-found", f"There is nothing at '{shown}'.", hint=f"ls '{shown}'"
        )
    if place.is_file() and sides.is_table(place.name):
        yield TableFile(shown, place)
        return
    below = sorted(place.rglob("*")) if place.is_dir() else []
    found = [
        each
        for each in below
        if each.is_file()
        and sides.is_table(each.name)
        and not any(part.startswith(".") for part in each.relative_to(place).parts)
    ]
    if not found:
        raise UsageError(
            "dataset-no-table",
            f"{shown} is no {', '.join(sides.TABLES)} file, so it has no rows.",
            hint=f"check the file '{shown}'",
        )
    for each in found:
        yield TableFile(f"{shown}/{each.relative_to(place).as_posix()}", each)


def _check_header(file: TableFile) -> None:
    separator = "\t" if file.suffix == ".tsv" else ","
    with file.place.open(encoding="utf-8", errors="replace", newline="") as text:
        header = next(csv.reader(text, delimiter=separator), [])
    twice = sorted({name for name in header if header.count(name) > 1}) if header else []
    if twice:
        raise _repeated(file.path, twice)


def _as_polars(value: Any, name: str, troubles: dict[str, str]) -> pl.DataFrame:
    if isinstance(value, Mapping):
        return pl.DataFrame({str(key): _series(column) for key, column in value.items()})
    if isinstance(value, np.ndarray):
        if value.dtype.names is None:
            raise UsageError(
                "frame-unknown",
                f"The {name} data is an array of shape {value.shape} whose columns have no names.",
                hint='drift({"age": ages}, {"age": ages_now})',
            )
        return pl.DataFrame({field: _series(value[field]) for field in value.dtype.names})
    if not frames.is_frame(value):
        raise UsageError(
            "frame-unknown",
            f"The {name} data is a {type(value).__name__}, and no frame of Polars, pandas or "
            "Arrow and no path.",
            hint="trueup drift before.parquet now.parquet",
        )
    if type(value).__module__.partition(".")[0] != "pandas":
        return frames.as_polars(value)
    plain = value.reset_index(drop=True)
    plain.columns = [str(column) for column in plain.columns]
    if not plain.columns.is_unique:
        raise _repeated(f"The {name} frame", sorted(set(plain.columns[plain.columns.duplicated()])))
    columns = []
    for column in plain.columns:
        try:
            columns.append(frames.as_polars(plain[[column]])[column])
        except frames.Unkept as reason:
            troubles[column] = f"the {name} column {str(reason).split(' which ')[0]}"
            columns.append(pl.Series(column, [None] * len(plain), dtype=pl.Null))
    return pl.DataFrame(columns)


def _series(column: Any) -> pl.Series:
    """A column of an array, whose texts may be of fixed width."""
    values = np.asarray(column)
    if values.dtype.kind in "mM":
        return pl.Series(values.astype(f"{values.dtype.kind}8[us]"))
    if values.dtype.kind in "US":
        return pl.Series([str(value) for value in values.astype(str).tolist()])
    if values.dtype.kind == "O":
        return pl.Series(values.tolist(), strict=False)
    return pl.Series(values)


def _repeated(shown: str, names: Sequence[str]) -> UsageError:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    listed = ", ".join(f"'{name}'" for name in names[:3])
    return UsageError(
        "columns-repeated",
        f"{shown} has more than one column of the name {listed}{more}.",
        hint="give each column a name of its own",
    )
