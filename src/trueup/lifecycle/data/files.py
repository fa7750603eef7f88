"""Reading the files of a dataset: which there are, what they hold. No other path is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import DataFile, DatasetVersion
from trueup.ports.blobs import Blobs


def inside(root: Path, path: str, name: str) -> Path:
    """The absolute place of a dataset, which must lie inside the project.

    Raises:
        UsageError: The path leads out of the project.
    """
    place = (root / path).resolve()
    if not place.is_relative_to(root.resolve()):
        raise UsageError(
            "dataset-outside",
            f"Dataset '{name}' has the path '{path}', which leads out of the project.",
            hint=f"move the data below {root.resolve().name}/ and name it relative to trueup.toml",
        )
    return place


def keep(blobs: Blobs, root: Path, path: str, name: str) -> tuple[list[DataFile], dict[str, str]]:
    """Put all files of a dataset into the blob store.

    Returns:
        The files in order of their paths, and column name to type.

    Raises:
        NotFoundError: There is no file.
        UsageError: A file cannot be read, or its columns differ from the first one's.
    """
    root = root.resolve()
    place = inside(root, path, name)
    chosen = _chosen(place)
    if not chosen:
        raise NotFoundError(
            "dataset-empty",
            f"Dataset '{name}' has no {' or '.join(rules.SUFFIXES)} file at '{path}'.",
            hint=f"ls '{path}'",
        )
    kept: list[DataFile] = []
    columns: dict[str, str] = {}
    for file in chosen:
        shown = str(file.relative_to(root))
        inside(root, shown, name)  # a link in the folder may lead out although the folder does not
        with _readable(file.suffix, shown):
            digest = blobs.put_file(file)
            blob = blobs.local_path(digest)
            frame = _lazy(blob, file.suffix)
            found_columns = {c: str(t) for c, t in frame.collect_schema().items()}
            rows = int(frame.select(pl.len()).collect().item())
        columns = columns or found_columns
        rules.same_columns(shown, found_columns, columns)
        relative = file.name if place.is_file() else file.relative_to(place).as_posix()
        # The size of what was kept: the file itself may have grown since.
        size = blob.stat().st_size
        kept.append(DataFile(path=relative, digest=digest, size=size, rows=rows))
    return kept, columns


def load(blobs: Blobs, version: DatasetVersion) -> pl.DataFrame:
    """All rows of a snapshot, the columns in the order of the first file.

    Raises:
        UsageError: A value far down a file is not of its column's type.
        BackendError: The stored bytes have changed.
    """
    frames: list[pl.DataFrame] = []
    for file in version.files:
        suffix = Path(file.path).suffix
        with _readable(suffix, file.path):
            frame = _lazy(_checked(blobs, file.digest), suffix).collect()
        frames.append(frame.select(frames[0].columns) if frames else frame)
    return pl.concat(frames)


def _checked(blobs: Blobs, digest: str) -> Path:
    path = blobs.local_path(digest)
    if digests.of_file(path) != digest:
        raise BackendError(
            "blob-damaged",
            f"The stored bytes of {digests.short(digest)} no longer match their digest.",
            hint="restore the .trueup/blobs folder from a backup",
            context={"digest": digest},
        )
    return path


def _chosen(place: Path) -> list[Path]:
    found = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [path for path in found if path.is_file() and path.suffix in rules.SUFFIXES]


def _lazy(path: Path, suffix: str) -> pl.LazyFrame:
    if suffix == ".csv":
        return pl.scan_csv(path, try_parse_dates=True, infer_schema_length=10_000)
    # The blob has no suffix; say that it is one file, so that nothing is globbed.
    return pl.scan_parquet(path, glob=False)


@contextmanager
def _readable(suffix: str, shown: str) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(
            "dataset-unreadable",
            f"{shown} cannot be read as {suffix[1:]}: {str(error).splitlines()[0]}.",
            hint=f"check the file '{shown}'",
        ) from error
