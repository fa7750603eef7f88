"""Finding logged models: the filter and the order of a search as SQL, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.logged_models import table
from trueup.lifecycle.runs.tracking.logged_models.records import Dataset, Order
from trueup.lifecycle.runs.tracking.logged_models.table import logged_models
from trueup.state import paging
from trueup.state.conditions import among_words, compared, comparisons, condition
from trueup.state.paging import Key
from trueup.state.query.fields import OWN, field, refused
from trueup.state.query.parser import parse
from trueup.state.query.tree import Comparison
from trueup.state.query.vocabulary import LIST, NUMBER, PRESENCE, TEXT, Kind, Vocabulary

_TEXT: Final = Kind(holds="text", comparators=(*TEXT, *LIST))
_WORDS: Final = Kind(holds="text", comparators=(*TEXT, *LIST, *PRESENCE))
_WHOLE: Final = Kind(holds="whole", comparators=NUMBER)
_m = logged_models.c
_p = table.logged_model_points.c

_STATUS: Final = sa.case({"failed": "FAILED"}, value=_m.state, else_=sa.func.upper(_m.state))
_OWN: Final[dict[str, sa.ColumnElement[Any]]] = {
    **{"name": _m.name, "model_id": _m.id, "model_type": _m.kind},
    **{"status": _STATUS, "source_run_id": _m.run},
    **{"creation_timestamp": _m.created_at, "last_updated_timestamp": _m.updated_at},
}
_NAMES: Final = {
    **dict.fromkeys(("creation_timestamp_ms", "creation_time", "created"), "creation_timestamp"),
    **dict.fromkeys(("last_updated_timestamp_ms", "last_updated_time"), "last_updated_timestamp"),
    "model_name": "name",
}
VOCABULARY: Final = Vocabulary(
    own={name: _WHOLE if name.endswith("timestamp") else _TEXT for name in _OWN},
    families={
        "metric": Kind(holds="number", comparators=(*NUMBER, *PRESENCE)),
        "parameter": _WORDS,
        "tag": _WORDS,
    },
    prefixes={
        **dict.fromkeys(("attributes", "attr"), "attribute"),
        **dict.fromkeys(("param", "params", "parameters"), "parameter"),
        **{"metrics": "metric", "tags": "tag"},
    },
    names=_NAMES,
    sorted_by=tuple(_OWN),
)


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
    tree = parse(filter_, VOCABULARY)
    if tree is not None:
        query = query.where(condition(tree, partial(_condition, connection, datasets)))
    if datasets and not any(each.field.entity == "metric" for each in comparisons(tree)):
        measured = sa.select(_p.model).where(_on(datasets))
        query = query.where(_m.number.in_(measured))
    if token:
        query = query.where(paging.beyond(by, paging.place(token, question, by)))
    rows = connection.execute(query.order_by(*paging.ordered(by)).limit(limit + 1)).all()
    following = paging.token(question, rows[limit - 1][1:]) if len(rows) > limit else ""
    return [row.number for row in rows[:limit]], following


def _condition(
    connection: sa.Connection, datasets: Sequence[Dataset], clause: Comparison
) -> sa.ColumnElement[bool]:
    match clause.field.entity:
        case "metric":
            return _measured(connection, datasets, clause)
        case "parameter":
            return among_words(connection, table.logged_model_params, _is_owner, clause)
        case "tag":
            return among_words(connection, table.logged_model_tags, _is_owner, clause)
    if clause.field.key == "status" and isinstance(clause.value, str):
        value = clause.value.upper().removeprefix("LOGGED_MODEL_")
        value = "FAILED" if value == "UPLOAD_FAILED" else value
        clause = msgspec.structs.replace(clause, value=value)
    return compared(connection, _OWN[clause.field.key], clause)


def _is_owner(words: sa.Table) -> sa.ColumnElement[bool]:
    return words.c.model == _m.number


def _measured(
    connection: sa.Connection, datasets: Sequence[Dataset], clause: Comparison
) -> sa.ColumnElement[bool]:
    there = sa.select(sa.literal(1)).where(_p.model == _m.number, _p.key == clause.field.key)
    there = there.where(_on(datasets)) if datasets else there
    if clause.comparator == "IS NULL":
        return sa.not_(there.exists())
    if clause.comparator == "IS NOT NULL":
        return there.exists()
    held = compared(connection, _p.value, clause)
    # NaN is kept as 0 with a mark: it differs from every number and is otherwise nothing.
    is_so = sa.or_(held, _p.is_nan == 1) if clause.comparator == "!=" else held & (_p.is_nan == 0)
    return there.where(is_so).exists()


def _on(datasets: Sequence[Dataset]) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(
            sa.and_(_p.dataset == each.name, _p.dataset_digest == each.digest)
            if each.digest
            else _p.dataset == each.name
            for each in datasets
        )
    )


def _order(order: Sequence[Order]) -> list[Key]:
    found: list[Key] = []
    named = {each.field for each in order}
    for each in order:
        kind, dot, key = each.field.partition(".")
        if not dot:
            found.append(Key(_attribute(each.field), not each.ascending))
            continue
        if kind not in ("metric", "metrics"):
            raise refused(
                f"Invalid order by field name: {each.field[:200]}. Only metrics are supported."
            )
        value, rank = _last_value(key, each.dataset)
        found += [Key(rank), Key(value, not each.ascending)]
    if not named & {"creation_timestamp_ms", "creation_timestamp", "creation_time"}:
        found.append(Key(_m.created_at, descending=True))
    if "model_id" not in named:
        found.append(Key(_m.id))
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


def _attribute(name: str) -> sa.ColumnElement[Any]:
    known = field(name, VOCABULARY)
    if known.entity != OWN:
        raise refused(f"Invalid order by field name: {name[:200]}. Only metrics are supported.")
    return _OWN[known.key]
