"""A small project on disk: what a user would write, run in this process."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from trueup.foundation.actor import Actor
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import DatasetVersion, Entry
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.runs.execution.executing import execute
from trueup.lifecycle.runs.records import Run, RunOptions, StepProgress
from trueup.state.unit import State

PIPELINE = """
    import polars as pl

    from trueup import data, pipeline, step

    @step
    def clean(flights: pl.DataFrame, longest: int = 60) -> pl.DataFrame:
        return flights.filter(pl.col("delay") <= longest)

    @step
    def split(rows: pl.DataFrame, at: int) -> dict[str, pl.DataFrame]:
        return {"train": rows.head(at), "holdout": rows.tail(-at)}

    @step
    def measure(train: pl.DataFrame, holdout: pl.DataFrame) -> dict[str, float]:
        return {"rows": train.height, "mean": holdout["delay"].mean()}

    @pipeline
    def flights(at: int = 2, longest: int = 60):
        parts = split(clean(data("flights"), longest), at)
        measure(parts["train"], parts["holdout"])
"""


def version_of(state: State, name: str, frame: pl.DataFrame) -> DatasetVersion:
    """A version of a dataset that is one file, as the stage of data would make it."""
    raw = frame.write_csv().encode()
    entry = Entry(f"{name}.csv", state.blobs.put(raw), len(raw))
    return DatasetVersion(
        name=name,
        version=1,
        digest=manifest.build([entry], state.blobs),
        path=f"data/{name}.csv",
        is_file=True,
        files=1,
        size=len(raw),
        rows=frame.height,
        columns={column: str(kind) for column, kind in frame.schema.items()},
        taken_by="sam",
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


class Project:
    """A project's folder, and the one pipeline in it."""

    def __init__(self, root: Path, state: State, actor: Actor) -> None:
        self.root = root
        self.state = state
        self.actor = actor
        self.data = {"flights": pl.DataFrame({"delay": [5, 90, 15, 20, 60]})}
        self.progress: list[StepProgress] = []

    def write(self, text: str = PIPELINE, file: str = "pipelines/flights.py") -> None:
        """Write a file of the project."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def edit(self, before: str, after: str, file: str = "pipelines/flights.py") -> None:
        """Change a file of the project."""
        path = self.root / file
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))

    def run(
        self, parameters: dict[str, Any] | None = None, engine: str = "inprocess://", **more: Any
    ) -> Run:
        """Find the pipeline as a new process would, and run it."""
        self.progress.clear()
        options = msgspec.structs.replace(more.pop("options", RunOptions()), engine=engine)
        return execute(
            self.state,
            self.actor,
            self.root,
            discovery.find(self.root),
            parameters or {},
            data=self.versions(),
            options=options,
            progress=self.told,
            **more,
        )

    def told(self, progress: StepProgress) -> None:
        """Remember what was told."""
        self.progress.append(progress)

    def versions(self) -> dict[str, DatasetVersion]:
        """A version of each dataset as it is now."""
        return {name: version_of(self.state, name, frame) for name, frame in self.data.items()}

    def outcome(self) -> dict[str, str]:
        """How each step of the last run ended."""
        return {p.step: p.state for p in self.progress if p.state != "started"}

    def why(self, step: str) -> tuple[str, ...]:
        """Why a step of the last run ran or was reused."""
        return next(p.why for p in self.progress if p.step == step)


@pytest.fixture
def project(tmp_path: Path, state: State, scientist: Actor) -> Project:
    """A project with one small pipeline."""
    made = Project(tmp_path / "project", state, scientist)
    made.write()
    return made
