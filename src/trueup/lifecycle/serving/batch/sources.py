"""Where the rows of a batch come from: files of one kind, read in order by chunk of exact size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import listing
from trueup.lifecycle.serving.batch.records import Position

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS: Final = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_WILD: Final = frozenset("*?[")


class Source(Protocol):
    """Rows in a fixed order.

    Attributes:
        is_typed: Whether values have kinds of their own; else they are read as the model wants.
    """

    is_typed: bool

    def identity(self) -> list[str]:
        """All by which one sees that it is still the same."""
        ...

    def columns(self) -> list[str]:
        """The names of its columns."""
        ...

    def total(self) -> int | None:
        """How many rows it has, where that is cheap to know."""
        ...

    def chunks(self, start: Position, rows: int) -> Iterator[tuple[pl.DataFrame, Position]]:
        """Its rows from a position on, and where to go on behind each chunk."""
        ...


class Files:
    """A file, a folder or a glob; all of one kind, in the order of their names.

    Raises:
        NotFoundError: There are none.
        UsageError: They are of different kinds, or of one that is not read.
    """

    def __init__(self, place: str) -> None:
        self.paths = _found(place)
        kinds = {FORMATS.get(path.suffix.lower(), "") for path in self.paths}
        if "" in kinds or len(kinds) > 1:
            suffixes = listing(sorted({path.suffix or path.name for path in self.paths})[:5])
            raise UsageError(
                "batch-input",
                f"The input '{place}' holds {suffixes}; a batch reads files of one kind: "
                "Parquet, CSV or Arrow.",
                hint="--input 'rows/*.parquet'",
            )
        self.kind = kinds.pop()
        self.is_typed = self.kind != "csv"

    def identity(self) -> list[str]:
        """Path, size and time of each file."""
        found = [(path, path.stat()) for path in self.paths]
        return [f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}" for path, stat in found]

    def columns(self) -> list[str]:
        """Those of the first file."""
        try:
            return self._scan(self.paths[0]).collect_schema().names()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(self.paths[0], error) from error

    def total(self) -> int | None:
        """From the files' own words; a CSV has none."""
        if self.kind == "csv":
            return None
        try:
            return sum(
                int(self._scan(path).select(pl.len()).collect().item()) for path in self.paths
            )
        except (pl.exceptions.PolarsError, OSError):
            return None  # the damaged file is named when it is read

    def chunks(self, start: Position, rows: int) -> Iterator[tuple[pl.DataFrame, Position]]:
        """Chunks of exactly `rows` rows; the last one of a file may have fewer."""
        for number, path in enumerate(self.paths[start.file :], start.file):
            done = start.row if number == start.file else 0
            try:
                for frame in _exactly(self._scan(path).slice(done), rows):
                    done += frame.height
                    yield frame, Position(file=number, row=done)
            except (pl.exceptions.PolarsError, OSError) as error:
                raise _unreadable(path, error) from error

    def _scan(self, path: Path) -> pl.LazyFrame:
        if self.kind == "parquet":
            return pl.scan_parquet(path, glob=False)
        if self.kind == "arrow":
            return pl.scan_ipc(path)
        # Text: each value is read as the model's signature says, a wrong one is one bad row.
        return pl.scan_csv(path, infer_schema=False, glob=False)


def _exactly(lazy: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    count = 0
    for frame in lazy.collect_batches(chunk_size=rows, maintain_order=True):
        held.append(frame)
        count += frame.height
        if count < rows:
            continue
        whole = pl.concat(held)
        for start in range(0, count - count % rows, rows):
            yield whole.slice(start, rows)
        count %= rows
        held = [whole.tail(count)] if count else []
    if count:
        yield pl.concat(held)


def _found(place: str) -> Sequence[Path]:
    path = Path(place)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [each for each in path.rglob("*") if each.suffix.lower() in FORMATS]
    elif _WILD & set(place):
        anchor = Path(path.anchor or ".")
        found = list(anchor.glob(str(path.relative_to(path.anchor)) if path.anchor else place))
    else:
        found = []
    files = sorted(each for each in found if each.is_file())
    if not files:
        raise NotFoundError(
            "batch-input-missing",
            f"There is no input '{place}': no Parquet, CSV or Arrow file of that name.",
            hint="--input rows.parquet   (a file, a folder, a glob or the URL of a database)",
        )
    return files


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return UsageError(
        "batch-input",
        f"The input '{path}' cannot be read as its name says: {reason}.",
        hint=f"ls -l '{path}'",
    )
