"""What a source of an import can be asked. Its three kinds are the modules beside this one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol, Self

from trueup.lifecycle.runs.tracking.imports.records import (
    Owner,
    SourceExperiment,
    SourceFile,
    SourceModel,
    SourceName,
    SourceRun,
)
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint, ModelState
from trueup.lifecycle.runs.tracking.records import Point, State

STATES: Final[dict[str, State]] = {
    **{"RUNNING": "running", "SCHEDULED": "scheduled", "FINISHED": "finished"},
    **{"FAILED": "failed", "KILLED": "killed"},
}
# In the order of MLflow's numbers for them.
NUMBERED: Final[tuple[State, ...]] = (
    *("running", "running", "scheduled", "finished", "failed", "killed"),
)
MODEL_STATES: Final[tuple[ModelState, ...]] = ("unspecified", "pending", "ready", "failed")
STAGES: Final = ("Staging", "Production", "Archived")


def identity(point: Point | ModelPoint) -> tuple[object, ...]:
    """What makes a point one: in it NaN equals NaN."""
    return tuple("nan" if isinstance(part, float) and math.isnan(part) else part for part in point)


class Unreachable(Exception):
    """The files of one owner can't be read from here; the message says why."""


class Source(Protocol):
    """Where MLflow keeps things. Nothing is ever written there."""

    @property
    def shown(self) -> str:
        """Where it is, for people."""
        ...

    @property
    def counts_points(self) -> bool:
        """Whether points can be counted without reading all of them."""
        ...

    def experiments(self) -> Iterator[SourceExperiment]:
        """All experiments, deleted ones included."""
        ...

    def runs(self, experiment: str) -> Iterator[list[SourceRun]]:
        """The runs of an experiment, deleted ones included, some at a time."""
        ...

    def points(self, runs: Sequence[str]) -> Iterator[tuple[str, list[Point]]]:
        """The points of runs that were just given, some of one run at a time, run by run."""
        ...

    def count_points(self, runs: Sequence[str]) -> int:
        """How many points runs have; equal ones are one."""
        ...

    def models(self, experiment: str) -> Iterator[list[SourceModel]]:
        """The logged models of an experiment, some at a time."""
        ...

    def names(self) -> Iterator[SourceName]:
        """The registered names with their versions."""
        ...

    def files(self, owner: Owner) -> Iterable[SourceFile]:
        """The files of a run or logged model.

        Raises:
            Unreachable: They can't be read from here.
        """
        ...

    def read(self, owner: Owner, path: str) -> Path | Iterator[bytes]:
        """One file: where it lies, or its bytes piece by piece.

        Raises:
            Unreachable: It can't be read from here.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_raised: object) -> None: ...
