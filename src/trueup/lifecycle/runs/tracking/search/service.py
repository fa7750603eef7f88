"""The verbs of searching: experiments, runs, datasets, and the points of several runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.tracking import finding, logged, reading, table
from trueup.lifecycle.runs.tracking.inputs import table as inputs
from trueup.lifecycle.runs.tracking.reading import EVERYTHING, Columns
from trueup.lifecycle.runs.tracking.records import (
    DatasetSummary,
    Experiment,
    Life,
    Point,
    TrackedRun,
)
from trueup.lifecycle.runs.tracking.search import histories
from trueup.lifecycle.runs.tracking.search.conditions import GROUP, Conditions, clauses
from trueup.lifecycle.runs.tracking.search.plans import Plan, Wish, is_many, is_rare
from trueup.lifecycle.runs.tracking.search.vocabulary import EXPERIMENTS, RUNS
from trueup.state import paging
from trueup.state.paging import Key
from trueup.state.query.parser import parse, parse_orders
from trueup.state.query.tree import Field, Order
from trueup.state.unit import State

View = Literal["active", "deleted", "all"]
LIVES: Final[dict[View, tuple[Life, ...]]] = {
    "active": ("active",),
    "deleted": ("deleted",),
    "all": ("active", "deleted"),
}
_BY_AGE: Final = (Order(field=Field(entity="attribute", key="creation_time"), descending=True),)


class RunPage(NamedTuple):
    """Runs, the token of the next page, and what they logged if it was asked for as text.

    The token is empty on the last page.
    """

    runs: list[TrackedRun]
    token: str
    texts: list[bytes]


class ExperimentPage(NamedTuple):
    """Experiments, and the token of the next page; empty on the last one."""

    experiments: list[Experiment]
    token: str


class Search:
    """Finds what was tracked.

    Args:
        state: Where it is kept.
        artifacts: The URI below which experiments keep their files.
    """

    def __init__(self, state: State, artifacts: str = "mlflow-artifacts:") -> None:
        self._state = state
        self._artifacts = artifacts

    def runs(
        self,
        actor: Actor,
        experiments: Sequence[int],
        *,
        where: str = "",
        order_by: Sequence[str] = (),
        view: View = "active",
        limit: int = 1000,
        token: str = "",
        columns: Columns = EVERYTHING,
    ) -> RunPage:
        """One page of the runs of experiments.

        Args:
            actor: Who asks.
            experiments: Numbers of experiments.
            where: A filter.
            order_by: What they are sorted by; then the newest first.
            view: Which of them by life.
            limit: Most runs of a page.
            token: Of the page before.
            columns: What shall be read of each run.

        Raises:
            UsageError: The filter, the order or the token cannot be read.
        """
        tree = parse(where, RUNS)
        orders = parse_orders(order_by, RUNS)
        named = {each.field.key for each in clauses(tree) if each.field.entity == "metric"}
        named |= {order.field.key for order in orders if order.field.entity == "metric"}
        with self._state.read(actor) as connection:
            metrics = table.metric_numbers(connection, named)
            condition = None
            if tree is not None:
                rare = partial(is_rare, connection) if is_many(connection, experiments) else None
                condition = Conditions(connection.dialect.name, metrics, rare).of_runs(tree)
            wish = Wish(experiments, LIVES[view], condition, orders, metrics)
            plan = Plan(connection, wish)
            last = paging.place(token, orders, plan.keys) if token else None
            rows = plan.rows(limit + 1, last)
            found = [row[0] for row in rows[:limit]]
            following = paging.token(orders, rows[limit - 1][1:]) if len(rows) > limit else ""
            whole = logged.of_runs(connection, found) if columns.as_text else {}
            runs = reading.runs_of(connection, found, columns)
            return RunPage(runs, following, [whole[number] for number in found if whole])

    def experiments(
        self,
        actor: Actor,
        *,
        where: str = "",
        order_by: Sequence[str] = (),
        view: View = "active",
        limit: int = 1000,
        token: str = "",
    ) -> ExperimentPage:
        """One page of experiments, the newest first unless said otherwise.

        Raises:
            UsageError: The filter, the order or the token cannot be read.
        """
        tree = parse(where, EXPERIMENTS)
        orders = parse_orders(order_by, EXPERIMENTS) or _BY_AGE
        columns = table.experiments.c
        with self._state.read(actor) as connection:
            keys = [_key(connection, order) for order in orders]
            keys.append(Key(columns.number, False, int))
            query = sa.select(
                *columns, *(key.expression.label(f"by_{i}") for i, key in enumerate(keys))
            )
            query = query.where(columns.life.in_(LIVES[view])).order_by(*paging.ordered(keys))
            if tree is not None:
                query = query.where(Conditions(connection.dialect.name).of_experiments(tree))
            if token:
                query = query.where(paging.beyond(keys, paging.place(token, orders, keys)))
            if connection.execute(sa.select(columns.number).limit(1)).first() is None:
                query = query.add_cte(_only(finding.default(self._artifacts)))
            rows = list(connection.execute(query.limit(limit + 1)))
            found = table.experiments_of(connection, (row[: -len(keys)] for row in rows[:limit]))
        following = ""
        if len(rows) > limit:
            following = paging.token(orders, rows[limit - 1][-len(keys) :])
        return ExperimentPage(found, following)

    def points(
        self, actor: Actor, run_ids: Sequence[str], key: str, limit: int
    ) -> list[tuple[str, Point]]:
        """The first points of one metric of several runs, by run, time, step and value."""
        with self._state.read(actor) as connection:
            numbers = table.numbers(connection, run_ids)
            found: list[tuple[str, Point]] = []
            for run_id in sorted(numbers):
                if len(found) >= limit:
                    break
                listed = histories.by_time(connection, numbers[run_id], key, limit - len(found))
                found += [(run_id, point) for point in listed]
            return found

    def samples(
        self,
        actor: Actor,
        run_ids: Sequence[str],
        key: str,
        most: int,
        steps: tuple[int, int] | None = None,
    ) -> list[tuple[str, Point]]:
        """At most so many points of one metric of each run, evenly spread, with first and last.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.read(actor) as connection:
            numbers = {run_id: finding.number(connection, run_id) for run_id in run_ids}
            found = histories.sampled(connection, list(numbers.values()), key, most, steps)
            return [(run_id, p) for run_id, number in numbers.items() for p in found[number]]

    def datasets(self, actor: Actor, experiments: Sequence[int]) -> list[DatasetSummary]:
        """The datasets that runs of these experiments used, once for each context."""
        with self._state.read(actor) as connection:
            return inputs.summaries(connection, experiments)


def _only(experiment: Experiment) -> sa.CTE:
    """Stands for the table as long as nobody has written an experiment."""
    columns = table.experiments.c
    fields = [sa.literal(getattr(experiment, c.name), c.type).label(c.name) for c in columns]
    return sa.select(*fields).cte(table.experiments.name)


def _key(connection: sa.Connection, order: Order) -> Key:
    key = order.field.key
    if key == "experiment_id":
        return Key(table.experiments.c.number, order.descending, int)
    if key != "name":
        return Key(GROUP[key], order.descending, int)
    name: sa.ColumnElement[str] = table.experiments.c.name
    if connection.dialect.name != "sqlite":
        name = sa.collate(name, "C")
    return Key(name, order.descending, str)
