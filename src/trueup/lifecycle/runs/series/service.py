"""The verbs of series: which runs belong together, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence

from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.runs import table as runs_table
from trueup.lifecycle.runs.records import Run
from trueup.lifecycle.runs.series import rules, table
from trueup.lifecycle.runs.series.records import Comparison, Objective
from trueup.state.unit import State


class Series:
    """Runs that belong together."""

    def __init__(self, state: State) -> None:
        self._state = state

    def in_sweep(self, actor: Actor, sweep: str) -> list[Run]:
        """The runs of a sweep or back-fill, the oldest first; none gives an empty list."""
        with self._state.read(actor) as connection:
            return table.in_sweep(connection, sweep)

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
