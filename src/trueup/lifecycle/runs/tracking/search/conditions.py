"""What a filter means in SQL. Every condition is true or false, never NULL, so that NOT is exact.

Each looks into one table by its primary key, for the run of the row at hand. Where runs are many
and hardly any fits, those that do are looked up first, by their values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any as Anything
from typing import Final

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking import table
from trueup.lifecycle.runs.tracking.inputs.table import described_datasets, run_datasets
from trueup.lifecycle.runs.tracking.points import held
from trueup.state.query.tree import All, Any, Comparison, Node, Not

Condition = sa.ColumnElement[bool]

_RUN = table.tracked_runs.c
_GROUP = table.experiments.c

# Lost runs are killed ones to those who know no other word.
STATUS: Final[sa.ColumnElement[str]] = sa.case(
    (_RUN.state == "lost", "KILLED"), else_=sa.func.upper(_RUN.state)
)
OWN: Final[Mapping[str, sa.ColumnElement[Anything]]] = {
    "run_id": _RUN.id,
    "run_name": _RUN.name,
    "status": STATUS,
    "user_id": _RUN.user,
    "artifact_uri": _RUN.artifacts,
    "start_time": _RUN.started_at,
    "end_time": _RUN.ended_at,
}
GROUP: Final[Mapping[str, sa.ColumnElement[Anything]]] = {
    "name": _GROUP.name,
    "experiment_id": sa.cast(_GROUP.number, sa.String),
    "creation_time": _GROUP.created_at,
    "last_update_time": _GROUP.updated_at,
}
_COMPARED: Final[Mapping[str, Callable[[Anything, Anything], Condition]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_GLOB_MARKS: Final = {"*": "[*]", "?": "[?]", "[": "[[]", "%": "*", "_": "?"}


class Conditions:
    """Filters of one noun in SQL.

    Args:
        dialect: Name of the database's dialect.
        metrics: Numbers of the metrics that the filter names; metrics that nobody logged are left
            out.
        is_rare: Whether the runs that are selected are so few that they had better be looked up
            first; left out if there are few runs anyway.
    """

    def __init__(
        self,
        dialect: str,
        metrics: Mapping[str, int] = {},
        is_rare: Callable[[sa.Select[Anything]], bool] | None = None,
    ) -> None:
        self._is_sqlite = dialect == "sqlite"
        self._metrics = metrics
        self._is_rare = is_rare

    def of_runs(self, tree: Node) -> Condition:
        """The condition on rows of runs."""
        return self._condition(tree, self._on_run)

    def of_experiments(self, tree: Node) -> Condition:
        """The condition on rows of experiments."""
        return self._condition(tree, self._on_experiment)

    def _condition(self, tree: Node, leaf: Callable[[Comparison], Condition]) -> Condition:
        match tree:
            case All(parts=parts):
                return sa.and_(*(self._condition(part, leaf) for part in parts))
            case Any(parts=parts):
                return sa.or_(*(self._condition(part, leaf) for part in parts))
            case Not(part=part):
                return sa.not_(self._condition(part, leaf))
        return leaf(tree)

    def _on_run(self, clause: Comparison) -> Condition:
        key = clause.field.key
        match clause.field.entity:
            case "metric":
                return self._on_metric(clause)
            case "parameter":
                return self._on_words_of_runs(clause, table.run_params)
            case "tag":
                return self._on_words_of_runs(clause, table.run_tags)
            case "dataset":
                return self._on_dataset(clause)
        return self._on_column(OWN[key], clause, may_be_null=key == "end_time")

    def _on_experiment(self, clause: Comparison) -> Condition:
        if clause.field.entity == "tag":
            return self._on_words(clause, table.experiment_tags, _GROUP.number)
        return self._on_column(GROUP[clause.field.key], clause)

    def _on_column(
        self, column: sa.ColumnElement[Anything], clause: Comparison, may_be_null: bool = False
    ) -> Condition:
        if clause.comparator == "IS NULL":
            return column.is_(None)
        if clause.comparator == "IS NOT NULL":
            return column.is_not(None)
        compared = self._compared(column, clause)
        return sa.and_(column.is_not(None), compared) if may_be_null else compared

    def _on_words_of_runs(self, clause: Comparison, words: sa.Table) -> Condition:
        if self._is_rare is not None and self._is_indexed(clause):
            found = sa.select(words.c.run).where(words.c.key == clause.field.key)
            found = found.where(self._compared(words.c.value, clause))
            if not self._is_sqlite:
                found = found.where(sa.func.length(words.c.value) <= table.SHORT)
            if self._is_rare(found):
                return _RUN.number.in_(found)
        return self._on_words(clause, words, _RUN.number)

    def _is_indexed(self, clause: Comparison) -> bool:
        """Whether the index of values tells which runs fit; SQLite's reads like a list of them."""
        if clause.comparator == "=":
            return len(str(clause.value)) <= table.SHORT
        return self._is_sqlite and clause.comparator in ("LIKE", "ILIKE")

    def _on_words(
        self, clause: Comparison, words: sa.Table, owner: sa.ColumnElement[int]
    ) -> Condition:
        there = sa.select(sa.literal(1)).where(words.c[0] == owner, words.c.key == clause.field.key)
        return self._there(there, clause, words.c.value)

    def _on_metric(self, clause: Comparison) -> Condition:
        number = self._metrics.get(clause.field.key)
        if number is None:
            return sa.true() if clause.comparator == "IS NULL" else sa.false()
        latest = table.latest_points.c
        there = sa.select(sa.literal(1)).where(latest.run == _RUN.number, latest.metric == number)
        if clause.comparator in ("IS NULL", "IS NOT NULL"):
            return self._there(there, clause, latest.value)
        value = held(float(clause.value))  # type: ignore[arg-type]
        compared = _COMPARED[clause.comparator](latest.value, sa.literal(value, sa.Float(53)))
        # NaN is kept as 0 with a mark: it differs from every number and is otherwise nothing.
        if clause.comparator == "!=":
            return there.where(sa.or_(compared, latest.is_nan == 1)).exists()
        found = sa.select(latest.run).where(latest.metric == number, latest.is_nan == 0, compared)
        if self._is_rare is not None and self._is_rare(found):
            return _RUN.number.in_(found)
        return there.where(compared, latest.is_nan == 0).exists()

    def _on_dataset(self, clause: Comparison) -> Condition:
        used = run_datasets.c
        there = sa.select(sa.literal(1)).where(used.run == _RUN.number)
        if clause.field.key == "context":
            return there.where(
                used.context.is_not(None), self._compared(used.context, clause)
            ).exists()
        described = described_datasets.c
        return there.where(
            described.number == used.dataset,
            self._compared(described[clause.field.key], clause),
        ).exists()

    def _there(
        self, there: sa.Select[Anything], clause: Comparison, value: sa.ColumnElement[Anything]
    ) -> Condition:
        if clause.comparator == "IS NULL":
            return sa.not_(there.exists())
        if clause.comparator == "IS NOT NULL":
            return there.exists()
        return there.where(self._compared(value, clause)).exists()

    def _compared(self, column: sa.ColumnElement[Anything], clause: Comparison) -> Condition:
        value = clause.value
        if isinstance(value, tuple):
            return column.in_(value) if clause.comparator == "IN" else column.not_in(value)
        if clause.comparator in ("LIKE", "ILIKE"):
            return self._like(column, str(value), clause.comparator == "ILIKE")
        if isinstance(value, float):
            value = sa.literal(value, sa.Float(53))  # type: ignore[assignment]
        return _COMPARED[clause.comparator](column, value)

    def _like(self, column: sa.ColumnElement[str], pattern: str, any_case: bool) -> Condition:
        if not self._is_sqlite:
            like = column.ilike if any_case else column.like
            return like(pattern, escape="")
        if any_case:
            return column.op("LIKE", is_comparison=True)(pattern)
        # SQLite's LIKE knows no case; its GLOB does.
        glob = "".join(_GLOB_MARKS.get(character, character) for character in pattern)
        return column.op("GLOB", is_comparison=True)(glob)


def clauses(tree: Node | None) -> Iterator[Comparison]:
    """All comparisons of a filter."""
    match tree:
        case None:
            return
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from clauses(part)
        case Not(part=part):
            yield from clauses(part)
        case Comparison():
            yield tree
