"""Finding traces: the filter and the order of a search as SQL, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.traces import rules
from trueup.lifecycle.runs.tracking.traces.table import (
    trace_links,
    trace_metadata,
    trace_tags,
    traces,
)
from trueup.state import paging
from trueup.state.conditions import among_words, compared, condition
from trueup.state.paging import Key
from trueup.state.query.parser import parse, parse_orders
from trueup.state.query.tree import Comparison, Field
from trueup.state.query.vocabulary import LIST, NUMBER, PRESENCE, TEXT, Kind, Vocabulary

_t = traces.c
_TEXT: Final = Kind(holds="text", comparators=(*TEXT, *LIST))
_WORDS: Final = Kind(holds="text", comparators=(*TEXT, *PRESENCE))
_WHOLE: Final = Kind(holds="whole", comparators=NUMBER)

_STATE: Final = sa.case(
    {"in-progress": "IN_PROGRESS", "unspecified": "STATE_UNSPECIFIED"},
    value=_t.state,
    else_=sa.func.upper(_t.state),
)
_OWN: Final[dict[str, sa.ColumnElement[Any]]] = {
    "timestamp_ms": _t.started_at,
    "execution_time_ms": sa.func.coalesce(_t.took, 0),
    "status": _STATE,
    "trace_id": _t.id,
    "client_request_id": sa.func.coalesce(_t.client_request, ""),
}
# Of those that stand among the words of a trace: in which tables, and under which key.
_AMONG: Final[dict[str, tuple[tuple[sa.Table, str], ...]]] = {
    "name": ((trace_tags, rules.NAME_TAG),),
    "run_id": ((trace_metadata, rules.RUN_WORD), (trace_links, "run")),
    "prompt": ((trace_links, "prompt"),),
}
VOCABULARY: Final = Vocabulary(
    own={
        **{name: _WHOLE if name.endswith("_ms") else _TEXT for name in _OWN},
        **dict.fromkeys(_AMONG, _WORDS),
    },
    families={"tag": _WORDS, "metadata": _WORDS},
    prefixes={
        **dict.fromkeys(("attributes", "attr", "trace"), "attribute"),
        **{"tags": "tag", "request_metadata": "metadata"},
    },
    names={
        **dict.fromkeys(("timestamp", "request_time"), "timestamp_ms"),
        **dict.fromkeys(("execution_time", "execution_duration"), "execution_time_ms"),
        **{"state": "status", "request_id": "trace_id"},
    },
    sorted_by=("timestamp_ms", "execution_time_ms", "status", "trace_id"),
)


def page(
    connection: sa.Connection,
    experiments: Sequence[int],
    filter_: str,
    order: Sequence[str],
    limit: int,
    token: str,
) -> tuple[list[str], str]:
    """The traces of one page, newest first unless told otherwise, and the token of the next.

    Raises:
        UsageError: Filter, order or token cannot be read.
    """
    by = [Key(_OWN[each.field.key], each.descending) for each in parse_orders(order, VOCABULARY)]
    if not by:
        by.append(Key(_t.started_at, descending=True))
    by.append(Key(_t.id))
    question = [list(experiments), filter_, list(order)]
    query = sa.select(_t.id, *(each.expression for each in by))
    query = query.where(_matching(connection, experiments, filter_))
    if token:
        query = query.where(paging.beyond(by, paging.place(token, question, by)))
    rows = connection.execute(query.order_by(*paging.ordered(by)).limit(limit + 1)).all()
    following = paging.token(question, list(rows[limit - 1][1:])) if len(rows) > limit else ""
    return [row[0] for row in rows[:limit]], following


def count(connection: sa.Connection, experiments: Sequence[int], *filters: str) -> int:
    """How many traces match all of these filters.

    Raises:
        UsageError: A filter cannot be read.
    """
    matching = (_matching(connection, experiments, each) for each in filters)
    query = sa.select(sa.func.count()).select_from(traces)
    return int(connection.execute(query.where(*matching)).scalar_one())


def _matching(
    connection: sa.Connection, experiments: Sequence[int], filter_: str
) -> sa.ColumnElement[bool]:
    tree = parse(filter_, VOCABULARY)

    def leaf(clause: Comparison) -> sa.ColumnElement[bool]:
        key = clause.field.key
        if clause.field.entity == "attribute" and key in _OWN:
            return compared(connection, _OWN[key], clause)
        words = trace_tags if clause.field.entity == "tag" else trace_metadata
        places = _AMONG[key] if clause.field.entity == "attribute" else ((words, key),)
        together = sa.and_ if clause.comparator == "IS NULL" else sa.or_
        return together(*(_among(connection, *place, clause) for place in places))

    within = _t.experiment.in_(experiments)
    return within if tree is None else sa.and_(within, condition(tree, leaf))


def _among(
    connection: sa.Connection, words: sa.Table, key: str, clause: Comparison
) -> sa.ColumnElement[bool]:
    under = msgspec.structs.replace(clause, field=Field(entity="tag", key=key))
    return among_words(connection, words, lambda found: found.c.trace == _t.id, under)
