"""How a page of runs is found: which table is walked, in which order, and from where.

Few runs are all looked at and sorted. Many are walked in the order of an index until the page is
full: by start, or by the value of the first metric in the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking import table
from trueup.lifecycle.runs.tracking.search.conditions import OWN, Condition
from trueup.state.paging import Key, beyond, ordered
from trueup.state.query.tree import Field, Order

MANY: Final = 5000
RARE: Final = 20_000
MOST_ORDERS: Final = 20

_RUN = table.tracked_runs.c
# A plus sign before the column keeps SQLite from walking the index of experiments instead.
_UNINDEXED: Final[sa.ColumnElement[int]] = sa.type_coerce(
    sa.literal_column("+tracked_runs.experiment"), sa.BigInteger
)
_VALUE, _NAN, _MISSING = 0, 1, 2
_START: Final = Field(entity="attribute", key="start_time")
_WORDS: Final = {"parameter": table.run_params, "tag": table.run_tags}


class Wish(NamedTuple):
    """A page that somebody asks for.

    Attributes:
        experiments: Numbers of experiments.
        lives: Which runs by life.
        condition: The filter, if there is one.
        orders: What it is sorted by.
        metrics: Numbers of the metrics in the order, by name.
    """

    experiments: Sequence[int]
    lives: Sequence[str]
    condition: Condition | None
    orders: Sequence[Order]
    metrics: Mapping[str, int]


class Plan:
    """Finds one page of runs.

    Args:
        connection: An open transaction.
        wish: What is asked for.
    """

    def __init__(self, connection: sa.Connection, wish: Wish) -> None:
        self._connection = connection
        self._wish = wish
        self._joined: list[tuple[Any, sa.ColumnElement[bool]]] = []
        self._first: Any = None
        self._is_sqlite = connection.dialect.name == "sqlite"
        self.keys: list[Key] = []
        if len(wish.orders) > MOST_ORDERS:
            raise UsageError(
                "filter-malformed",
                f"Invalid order_by: {len(wish.orders)} clauses; {MOST_ORDERS} are allowed.",
                hint="trueup explain filter-malformed",
                context={"said": f"Invalid order_by: more than {MOST_ORDERS} clauses."},
            )
        for order in wish.orders:
            self._sort(order)
        if not any(order.field == _START for order in wish.orders):
            self.keys.append(Key(_RUN.started_at, True, int))
        self.keys.append(Key(self._binary(_RUN.id), False, str))

    def rows(self, limit: int, last: Sequence[Any] | None) -> list[Sequence[Any]]:
        """Number and sort values of up to `limit` runs that come after `last`."""
        if not self._wish.experiments:
            return []
        if not is_many(self._connection, self._wish.experiments):
            return self._run(self._select(_RUN.experiment), self.keys, limit, last)
        first = self._wish.orders[0] if self._wish.orders else None
        if first is not None and first.field.entity == "metric":
            return self._by_metric(first, limit, last)
        column = _RUN.experiment if first is not None else _UNINDEXED
        return self._run(self._select(column), self.keys, limit, last)

    def _by_metric(
        self, first: Order, limit: int, last: Sequence[Any] | None
    ) -> list[Sequence[Any]]:
        """Runs with a number, then those with NaN, then those without the metric."""
        latest = self._first
        found: list[Sequence[Any]] = []
        for part in (_VALUE, _NAN, _MISSING):
            if last is not None and part < last[0]:
                continue
            lead = 1 if part == _VALUE else 2
            keys = list(self.keys[lead:])
            if part == _VALUE:
                keys[0] = Key(latest.c.value, first.descending, float)
            after = last[lead:] if last is not None and part == last[0] else None
            rows = self._run(self._part(latest, part), keys, limit - len(found), after)
            known = (part, 0.0)[:lead]
            found += [(row[0], *known, *row[1:]) for row in rows]
            if len(found) >= limit:
                break
        return found

    def _part(self, latest: Any, part: int) -> sa.Select[Any]:
        if part == _MISSING:
            return self._select(_UNINDEXED).where(latest.c.run.is_(None))
        return self._select(_UNINDEXED, leads=True).where(latest.c.is_nan == part)

    def _select(self, experiment: sa.ColumnElement[int], leads: bool = False) -> sa.Select[Any]:
        """Runs beside what they are sorted by; whether the first of that leads to them."""
        source: Any = table.tracked_runs
        for place, (words, key) in enumerate(self._joined):
            if leads and place == 0:
                # Not by the metrics' own key, which begins with the run: by their values' index.
                run = sa.literal_column(f"+{words.name}.run", sa.BigInteger)
                source = source.join(words, sa.and_(run == _RUN.number, key))
            else:
                source = source.outerjoin(words, sa.and_(words.c.run == _RUN.number, key))
        query = sa.select(_RUN.number).select_from(source)
        query = query.where(experiment.in_(self._wish.experiments))
        if len(self._wish.lives) == 1:
            query = query.where(_RUN.life == self._wish.lives[0])
        return query if self._wish.condition is None else query.where(self._wish.condition)

    def _run(
        self, query: sa.Select[Any], keys: Sequence[Key], limit: int, last: Sequence[Any] | None
    ) -> list[Sequence[Any]]:
        query = query.add_columns(*(key.expression for key in keys))
        if last is not None:
            query = query.where(beyond(keys, last))
        query = query.order_by(*ordered(keys)).limit(limit)
        return [tuple(row) for row in self._connection.execute(query)]

    def _sort(self, order: Order) -> None:
        entity, key = order.field.entity, order.field.key
        if entity == "metric":
            latest = table.latest_points.alias(f"by_{len(self.keys)}")
            number = self._wish.metrics.get(key, -1)
            self._joined.append((latest, latest.c.metric == number))
            self._first = latest if not self.keys else self._first
            rank = sa.case((latest.c.run.is_(None), _MISSING), else_=latest.c.is_nan)
            value = sa.func.coalesce(latest.c.value, 0.0)
            self._rank(rank, Key(value, order.descending, float))
        elif entity in _WORDS:
            words = _WORDS[entity].alias(f"by_{len(self.keys)}")
            self._joined.append((words, words.c.key == key))
            text = self._binary(sa.func.coalesce(words.c.value, ""))
            missing = sa.case((words.c.run.is_(None), 1), else_=0)
            self._rank(missing, Key(text, order.descending, str))
        elif key == "end_time":
            missing = sa.case((_RUN.ended_at.is_(None), 1), else_=0)
            self._rank(missing, Key(sa.func.coalesce(_RUN.ended_at, 0), order.descending, int))
        elif key == "start_time":
            self.keys.append(Key(_RUN.started_at, order.descending, int))
        else:
            self.keys.append(Key(self._binary(OWN[key]), order.descending, str))

    def _rank(self, rank: sa.ColumnElement[int], key: Key) -> None:
        """What is missing comes last in both directions."""
        self.keys += (Key(rank, False, int), key)

    def _binary(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """Texts sort by their characters' numbers in both databases."""
        return column if self._is_sqlite else sa.collate(column, "C")


def is_rare(connection: sa.Connection, found: sa.Select[Any]) -> bool:
    """Whether a select finds so few runs that it had better be asked first."""
    counted = sa.select(sa.func.count()).select_from(found.limit(RARE + 1).subquery())
    return (connection.execute(counted).scalar() or 0) <= RARE


def is_many(connection: sa.Connection, experiments: Sequence[int]) -> bool:
    """Whether so many runs belong to these experiments that an index had better be walked."""
    query = "SELECT count(*) FROM (SELECT 1 FROM tracked_runs WHERE experiment IN ({}) LIMIT ?) c"
    counts = table.about(connection, query, experiments, (MANY + 1,))
    return sum(int(row[0]) for row in counts) > MANY
