"""Reading the files of a dataset: which there are, what they hold. No other path is opened."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from trueup.foundation.errors import NotFoundError, UsageError
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
            hint=f"move the data below {root.name}/ and name it relative to trueup.toml",
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
    place = inside(root, path, name)
    found = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    chosen = [p for p in found if p.is_file() and p.suffix in rules.SUFFIXES]
    if not chosen:
        raise NotFoundError(
            "dataset-empty",
            f"Dataset '{name}' has no {' or '.join(rules.SUFFIXES)} file at '{path}'.",
            hint=f"ls '{path}'",
        )
    kept: list[DataFile] = []
    columns: dict[str, str] = {}
    for file in chosen:
        digest = blobs.put_file(file)
        frame = _lazy(blobs.local_path(digest), file.suffix, str(file.relative_to(root)))
        found_columns = {c: str(t) for c, t in frame.collect_schema().items()}
        columns = columns or found_columns
        rules.same_columns(str(file.relative_to(root)), found_columns, columns)
        rows = int(frame.select(pl.len()).collect().item())
        relative = file.name if place.is_file() else str(file.relative_to(place))
        size = file.stat().st_size
        kept.append(DataFile(path=relative, digest=digest, size=size, rows=rows))
    return kept, columns


def load(blobs: Blobs, version: DatasetVersion) -> pl.DataFrame:
    """All rows of a snapshot."""
    return pl.concat(
        [
            _lazy(blobs.local_path(f.digest), Path(f.path).suffix, f.path).collect()
            for f in version.files
        ]
    )


def _lazy(path: Path, suffix: str, shown: str) -> pl.LazyFrame:
    try:
        if suffix == ".csv":
            frame = pl.scan_csv(path, try_parse_dates=True, infer_schema_length=10_000)
        else:
            # The blob has no suffix; say that it is one file, so that nothing is globbed.
            frame = pl.scan_parquet(path, glob=False)
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            "dataset-unreadable",
            f"{shown} cannot be read as {suffix[1:]}: {str(error).splitlines()[0]}.",
            hint=f"check the file '{shown}'",
        ) from error
    return frame
