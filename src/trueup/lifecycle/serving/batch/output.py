"""What a batch makes: a part for each chunk in a folder aside, put together at the end.

Each file is written under another name, synced and renamed: a reader sees all of it or nothing.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import polars as pl

from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.records import decode, encode
from trueup.lifecycle.serving.batch.records import Checkpoint
from trueup.lifecycle.serving.batch.sources import FORMATS

WORK: Final = ".batch"
REPORT: Final = ".bad.csv"
_CHECKPOINT: Final = "checkpoint.json"
_SUFFIXES: Final = {"parquet": ".parquet", "csv": ".csv", "arrow": ".arrow"}


class Output:
    """The output of a batch and the folder beside it in which it is made.

    Args:
        place: A file whose suffix says its kind, or a folder: it gets a Parquet file per chunk.

    Raises:
        UsageError: Its kind is not written.
    """

    def __init__(self, place: str) -> None:
        self.path = Path(place)
        suffix = self.path.suffix.lower()
        self.is_folder = place.endswith("/") or not suffix
        if not self.is_folder and suffix not in FORMATS:
            raise UsageError(
                "batch-output",
                f"The output '{place}' ends in '{suffix}'; a batch writes Parquet, CSV, Arrow.",
                hint="--output scores.parquet   (or a folder, for a file per chunk)",
            )
        self.kind = "parquet" if self.is_folder else FORMATS[suffix]
        self.work = self.path.with_name(self.path.name + WORK)
        self.report = self.path.with_name(self.path.name + REPORT)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else works on it meanwhile.

        Raises:
            ConflictError: Somebody does, or the output is there already.
        """
        # With a checkpoint beside it only the tidying was interrupted.
        if self.path.exists() and self.checkpoint() is None:
            raise ConflictError(
                "batch-output-exists",
                f"The output '{self.path}' is there already; a batch replaces nothing.",
                hint=f"mv '{self.path}' '{self.path}.old'",
            )
        try:
            self.work.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(
                "batch-output",
                f"The output '{self.path}' cannot be made: {error.strerror}.",
                hint="name a file in a folder that you may write",
            ) from error
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                "batch-running",
                f"Another batch is making '{self.path}'.",
                hint="wait for it, or name another --output",
            ) from error

    def checkpoint(self) -> Checkpoint | None:
        """How far an interrupted batch had come, if there is one."""
        try:
            return decode((self.work / _CHECKPOINT).read_bytes(), Checkpoint)
        except FileNotFoundError:
            return None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Remember, durably."""
        self._write(self.work / _CHECKPOINT, lambda file: file.write(encode(checkpoint)))

    def restart(self) -> None:
        """Forget what an interrupted batch made."""
        for path in self.work.iterdir():
            path.unlink()

    def write(self, chunk: int, rows: pl.DataFrame) -> None:
        """The part of a chunk; the same again replaces it."""
        self._write(self._part(chunk), lambda file: self._dump(rows, file, header=chunk == 0))

    def write_bad(self, chunk: int, found: list[tuple[int, str, str]]) -> None:
        """What was wrong in a chunk."""

        def dump(file: IO[bytes]) -> None:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            if chunk == 0:
                writer.writerow(("row", "column", "rule"))
            writer.writerows(found)
            file.write(text.getvalue().encode())

        self._write(self.work / f"bad-{chunk:06}.csv", dump)

    def finish(self, chunks: int) -> None:
        """Put the parts together, give them their name, and tidy up."""
        if reports := sorted(self.work.glob("bad-*.csv")):
            self._write(self.report, lambda file: _join(reports, file))
        parts = [self._part(chunk) for chunk in range(chunks)]
        if self.is_folder:
            self.work.rename(self.path)
            _sync(self.path.parent)
            for other in {*self.path.iterdir()} - {self.path / part.name for part in parts}:
                other.unlink()
            return
        self._write(self.path, lambda file: self._merge(parts, file))
        shutil.rmtree(self.work)

    def _merge(self, parts: list[Path], file: IO[bytes]) -> None:
        if self.kind == "csv":
            _join(parts, file)
        elif self.kind == "parquet":
            pl.scan_parquet(parts, glob=False).sink_parquet(file)
        else:
            pl.scan_ipc(parts).sink_ipc(file)

    def _part(self, chunk: int) -> Path:
        return self.work / f"part-{chunk:06}{_SUFFIXES[self.kind]}"

    def _dump(self, rows: pl.DataFrame, file: IO[bytes], *, header: bool) -> None:
        if self.kind == "csv":
            rows.write_csv(file, include_header=header)
        elif self.kind == "parquet":
            rows.write_parquet(file)
        else:
            rows.write_ipc(file)

    def _write(self, path: Path, dump: Callable[[IO[bytes]], object]) -> None:
        aside = path.with_name(path.name + ".incoming")
        with aside.open("wb") as file:
            dump(file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync(path.parent)


def _join(parts: list[Path], file: IO[bytes]) -> None:
    for part in parts:
        with part.open("rb") as one:
            shutil.copyfileobj(one, file, 1 << 20)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
