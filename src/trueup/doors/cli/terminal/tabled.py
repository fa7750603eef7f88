"""Tables that a command line names: a file anywhere, or a version of a dataset of the project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trueup.doors.cli.terminal import output, sources
from trueup.foundation import configuration

if TYPE_CHECKING:
    import polars as pl


class Named(NamedTuple):
    """A table of a command line.

    Attributes:
        rows: Its rows.
        shown: How it was named.
        dataset: What its schema is called: the dataset, or the file without its ending.
    """

    rows: pl.DataFrame
    shown: str
    dataset: str


@contextmanager
def opened(text: str) -> Iterator[Named]:
    """The table that a file or a reference names; only a reference needs a project.

    Raises:
        NotFoundError: There is no such file or version.
        UsageError: It holds no table, or cannot be read.
    """
    from trueup.lifecycle.gates.drift import tables

    place = Path(text)
    if place.exists() or not (text.startswith("data:") or "@" in text):
        with tables.opened(place, text) as table:
            yield Named(table.read(list(table.schema)), text, place.stem)
        return
    with output.here() as workspace:
        version = sources.version(workspace, text)
        frame = workspace.datasets.load(workspace.owner, version)
    yield Named(frame, version.ref, version.name)


def home() -> Path:
    """The project around the present folder, or that folder: where `schemas/` is looked for."""
    here = Path.cwd()
    return next((p for p in (here, *here.parents) if (p / configuration.FILE).exists()), here)
