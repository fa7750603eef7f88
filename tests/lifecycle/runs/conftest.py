"""A small project on disk: what a user would write, run in this process."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.runs.execution import execute
from trueup.lifecycle.runs.records import Run, StepProgress
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


class Project:
    """A project's folder, and the one pipeline in it."""

    def __init__(self, root: Path, state: State, actor: Actor) -> None:
        self.root = root
        self.state = state
        self.actor = actor
        self.data = {"flights": pl.DataFrame({"delay": [5, 90, 15, 20, 60]})}
        self.loaded: list[str] = []
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

    def run(self, parameters: dict[str, Any] | None = None, **more: Any) -> Run:
        """Find the pipeline as a new process would, and run it."""
        self.progress.clear()

        def load(name: str) -> pl.DataFrame:
            self.loaded.append(name)
            return self.data[name]

        return execute(
            self.state,
            self.actor,
            self.root,
            discovery.find(self.root),
            parameters or {},
            load_data=load,
            data_digests={
                n: digests.of_bytes(f.write_csv().encode()) for n, f in self.data.items()
            },
            progress=self.progress.append,
            **more,
        )

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
