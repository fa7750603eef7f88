"""Finding logged models: the filter and the order of a search as SQL, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking.logged_models import table
from trueup.lifecycle.runs.tracking.logged_models.records import Dataset, Order
from trueup.lifecycle.runs.tracking.logged_models.table import logged_models
from trueup.state import clauses, paging
from trueup.state.clauses import Clause
from trueup.state.paging import By

# What the clients call an attribute -> our column.
_ATTRIBUTES: Final = {
    **{"name": "name", "model_name": "name", "model_id": "id", "model_type": "kind"},
    **{"status": "state", "source_run_id": "run", "experiment_id": "experiment"},
    **dict.fromkeys(
        ("creation_timestamp_ms", "creation_timestamp", "creation_time", "created"), "created_at"
    ),
    **dict.fromkeys(
        ("last_updated_timestamp_ms", "last_updated_timestamp", "last_updated_time"), "updated_at"
    ),
}
_NUMBERS: Final = frozenset(("created_at", "updated_at", "experiment"))
_OF_NUMBERS: Final = frozenset(("=", "!=", ">", ">=", "<", "<="))
_OF_TEXTS: Final = frozenset(("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"))
_OF_WORDS: Final = _OF_TEXTS | {"IS NULL", "IS NOT NULL"}
_m = logged_models.c
_p = table.logged_model_points.c


def page(
    connection: sa.Connection,
    experiments: Sequence[int],
    filter_: str,
    order: Sequence[Order],
    datasets: Sequence[Dataset],
    limit: int,
    token: str,
) -> tuple[list[int], str]:
    """The numbers of the models of one page, and the token of the next.

    Raises:
        UsageError: Filter, order or token cannot be read.
    """
    by = _order(order)
    question = [list(experiments), filter_, [list(each) for each in order], list(datasets)]
    query = sa.select(_m.number, *(each.expression for each in by)).where(
        _m.experiment.in_(experiments), _m.life == "active"
    )
    read = clauses.parse(filter_)
    query = query.where(*(_condition(connection, clause, datasets) for clause in read))
    if datasets and not any(clause.kind == "metric" for clause in read):
        measured = sa.select(_p.model).where(_on(datasets))
        query = query.where(_m.number.in_(measured))
    if token:
        query = query.where(paging.after(by, paging.values_of(token, question, len(by))))
    rows = connection.execute(query.order_by(*paging.clauses(by)).limit(limit + 1)).all()
    following = paging.token(question, rows[limit - 1][1:]) if len(rows) > limit else ""
    return [row.number for row in rows[:limit]], following


def _condition(
    connection: sa.Connection, clause: Clause, datasets: Sequence[Dataset]
) -> sa.ColumnElement[bool]:
    if clause.kind == "metric":
        clauses.require(clause, _OF_NUMBERS)
        if not isinstance(clause.value, float):
            raise clauses.refused(f"metrics.{clause.key} {clause.operator} {clause.value}")
        measured = sa.select(_p.model).where(
            _p.key == clause.key,
            _p.is_nan == 0,
            clauses.compared(connection, _p.value, clause),
        )
        return _m.number.in_(measured.where(_on(datasets)) if datasets else measured)
    if clause.kind in ("param", "tag"):
        clauses.require(clause, _OF_WORDS)
        words = table.logged_model_params if clause.kind == "param" else table.logged_model_tags
        has = sa.select(words.c.model).where(words.c.key == clause.key)
        if clause.operator == "IS NULL":
            return _m.number.not_in(has)
        if clause.operator == "IS NOT NULL":
            return _m.number.in_(has)
        return _m.number.in_(has.where(clauses.compared(connection, words.c.value, clause)))
    name = _attribute(clause.key)
    clauses.require(clause, _OF_NUMBERS if name in _NUMBERS else _OF_TEXTS)
    if name in _NUMBERS:
        clause = clause._replace(value=_whole(clause))
    elif isinstance(clause.value, float):
        raise clauses.refused(f"{clause.key} {clause.operator} {clause.value:g}")
    elif name == "state" and isinstance(clause.value, str):
        clause = clause._replace(value=clause.value.lower().removeprefix("logged_model_"))
    return clauses.compared(connection, _m[name], clause)


def _on(datasets: Sequence[Dataset]) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(
            sa.and_(_p.dataset == each.name, _p.dataset_digest == each.digest)
            if each.digest
            else _p.dataset == each.name
            for each in datasets
        )
    )


def _order(order: Sequence[Order]) -> list[By]:
    found: list[By] = []
    named = {each.field for each in order}
    for each in order:
        kind, dot, key = each.field.partition(".")
        if not dot:
            found.append(By(_m[_attribute(each.field)], each.ascending))
            continue
        if kind not in ("metric", "metrics"):
            raise UsageError(
                "filter-unreadable",
                f"Invalid order by field name: {each.field[:200]}. Only metrics are supported.",
                hint="trueup explain filter-unreadable",
            )
        value, rank = _last_value(key, each.dataset)
        found += [By(rank), By(value, each.ascending)]
    if not named & {"creation_timestamp_ms", "creation_timestamp", "creation_time"}:
        found.append(By(_m.created_at, ascending=False))
    if "model_id" not in named:
        found.append(By(_m.id))
    return found


def _last_value(
    key: str, dataset: Dataset | None
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """The last value of a metric, and where it stands: values first, then NaN, then none."""

    def last(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        query = sa.select(column).where(_p.model == _m.number, _p.key == key)
        query = query.where(_on([dataset])) if dataset else query
        return query.order_by(_p.at.desc(), _p.step.desc(), _p.run).limit(1).scalar_subquery()

    return sa.func.coalesce(last(_p.value), 0.0), sa.func.coalesce(last(_p.is_nan), 2)


def _attribute(key: str) -> str:
    if key not in _ATTRIBUTES:
        raise UsageError(
            "filter-unreadable",
            f"Invalid attribute key '{key[:100]}': logged models have {', '.join(_ATTRIBUTES)}.",
            hint="trueup explain filter-unreadable",
        )
    return _ATTRIBUTES[key]


def _whole(clause: Clause) -> float:
    value = clause.value
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    if isinstance(value, float):
        return value
    raise clauses.refused(f"{clause.key} {clause.operator} {value}")
