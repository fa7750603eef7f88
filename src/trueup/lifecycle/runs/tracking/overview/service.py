"""The verb behind the list of experiments, which counts instead of reading runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking import table
from trueup.state.unit import State


class Group(Record):
    """An experiment as a list shows it.

    Attributes:
        number: Its number.
        name: Its name.
        runs: How many runs it has, those that were deleted left out.
        states: How many of them stand how.
        newest: When the newest began, in milliseconds; None without runs.
    """

    number: int
    name: str
    runs: int
    states: dict[str, int]
    newest: int | None


class Overview:
    """Experiments at a glance.

    Args:
        state: Where they are kept.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def metrics(self, actor: Actor, run_ids: Sequence[str]) -> dict[str, int]:
        """Names of the metrics that some of these runs logged, and how many of the runs did."""
        query = "SELECT metric, count(*) FROM latest_points WHERE run IN ({}) GROUP BY metric"
        with self._state.read(actor) as connection:
            runs = list(table.numbers(connection, run_ids).values())
            counts: Counter[int] = Counter()
            for metric, count in table.about(connection, query, runs):
                counts[metric] += count
            names = table.metrics_numbered(connection, list(counts))
        return {names[metric]: count for metric, count in counts.items()}

    def groups(self, actor: Actor) -> list[Group]:
        """All experiments that are not deleted, those with the newest runs first."""
        runs, known = table.tracked_runs.c, table.experiments.c
        counted = (
            sa.select(runs.experiment, runs.state, sa.func.count(), sa.func.max(runs.started_at))
            .where(runs.life == "active")
            .group_by(runs.experiment, runs.state)
        )
        named = sa.select(known.number, known.name).where(known.life == "active")
        with self._state.read(actor) as connection:
            names = {row.number: row.name for row in connection.execute(named)}
            states: dict[int, dict[str, int]] = {number: {} for number in names}
            newest: dict[int, int] = {}
            for number, state, count, at in connection.execute(counted):
                if number in names:
                    states[number][state] = count
                    newest[number] = max(at, newest.get(number, at))
        found = [
            Group(
                number=number,
                name=name,
                runs=sum(states[number].values()),
                states=states[number],
                newest=newest.get(number),
            )
            for number, name in names.items()
        ]
        return sorted(found, key=lambda group: (-(group.newest or 0), -group.number))
