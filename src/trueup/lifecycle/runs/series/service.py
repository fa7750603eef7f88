"""The verbs of series: which runs belong together, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence

from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.runs import table as runs_table
from trueup.lifecycle.runs.records import Run
from trueup.lifecycle.runs.series import rules, table
from trueup.lifecycle.runs.series.records import Comparison, Objective, Sweep
from trueup.state.unit import State


class Series:
    """Runs that belong together."""

    def __init__(self, state: State) -> None:
        self._state = state

    def sweeps(self, actor: Actor, limit: int = 100) -> list[Sweep]:
        """Sweeps, searches and back-fills, the newest first."""
        with self._state.read(actor) as connection:
            return table.sweeps(connection, limit)

    def in_sweep(self, actor: Actor, sweep: str) -> list[Run]:
        """The runs of a sweep or back-fill, the oldest first; none gives an empty list."""
        with self._state.read(actor) as connection:
            return table.in_sweep(connection, sweep)

    def of_sweep(
        self, actor: Actor, sweep: str, objective: Objective | None = None
    ) -> tuple[list[Run], Comparison]:
        """All runs of a sweep, the oldest first, and how they compare.

        Raises:
            NotFoundError: No run belongs to it.
            UsageError: None of them reports the objective's metric, or several steps of one do.
        """
        with self._state.read(actor) as connection:
            found = table.in_sweep(connection, sweep)
            if not found:
                raise NotFoundError(
                    "sweep-not-found",
                    f"No run belongs to a sweep '{sweep}'.",
                    hint="trueup runs list",
                )
            metrics = table.metrics_of(connection, [run.id for run in found])
            return found, rules.compare(found, metrics, objective)

    def of_partitions(self, actor: Actor, pipeline: str, code: str) -> dict[str, Run]:
        """The newest finished run for each partition, by one state of the pipeline's code."""
        with self._state.read(actor) as connection:
            found = table.of_partitions(connection, pipeline, code) if code else []
        return {run.partition: run for run in found}

    def compare(
        self, actor: Actor, ids: Sequence[str], objective: Objective | None = None
    ) -> Comparison:
        """Runs side by side, the best first when there is an objective.

        Raises:
            NotFoundError: One of them does not exist.
            UsageError: None of them reports the objective's metric, or several steps of one do.
        """
        with self._state.read(actor) as connection:
            found = []
            for id_ in ids:
                run = runs_table.run(connection, id_)
                if run is None:
                    near = did_you_mean(id_, runs_table.identifiers(connection))
                    raise NotFoundError(
                        "run-not-found", f"There is no run '{id_}'.{near}", hint="trueup runs list"
                    )
                found.append(run)
            return rules.compare(found, table.metrics_of(connection, list(ids)), objective)
