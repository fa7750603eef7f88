"""Finding registered models and versions: filter and order as SQL, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from trueup.lifecycle.models.registry import rules, table
from trueup.lifecycle.models.registry.table import model_tags, version_tags
from trueup.lifecycle.models.table import model_versions, registered_models
from trueup.state import paging
from trueup.state.conditions import among_words, compared, comparisons, condition
from trueup.state.paging import Key
from trueup.state.query.fields import refused
from trueup.state.query.parser import parse, parse_orders
from trueup.state.query.tree import Comparison, Node
from trueup.state.query.vocabulary import LIST, NUMBER, PRESENCE, TEXT, Kind, Vocabulary

_n = registered_models.c
_v = model_versions.c
_LISTED: Final = Kind(holds="text", comparators=(*TEXT, *LIST))
_WORDS: Final = Kind(holds="text", comparators=(*TEXT, *PRESENCE))
_PREFIXES: Final = {"attributes": "attribute", "attr": "attribute", "tags": "tag"}


def _plain(moment: sa.Column[Any]) -> sa.ColumnElement[int]:
    """A moment as the database keeps it: a whole number, which a page token can hold."""
    return sa.type_coerce(moment, sa.BigInteger())


MODEL_ORDER: Final[dict[str, sa.ColumnElement[Any]]] = {
    "name": _n.name,
    "last_updated_timestamp": _plain(_n.updated_at),
    "creation_timestamp": _plain(_n.created_at),
}
VERSION_ORDER: Final[dict[str, sa.ColumnElement[Any]]] = {
    "name": _v.model,
    "version_number": _v.version,
    "creation_timestamp": _plain(_v.registered_at),
    "last_updated_timestamp": _plain(_v.updated_at),
}
_VERSION: Final[dict[str, sa.ColumnElement[Any]]] = {
    **{"name": _v.model, "run_id": _v.run, "source_path": _v.source},
    **{"model_id": _v.logged_model, "version_number": _v.version},
}
MODELS: Final = Vocabulary(
    own={"name": _LISTED},
    families={"tag": _WORDS},
    prefixes=_PREFIXES,
)
VERSIONS: Final = Vocabulary(
    own={
        name: Kind(holds="whole", comparators=NUMBER) if name == "version_number" else _LISTED
        for name in _VERSION
    },
    families={"tag": _WORDS},
    prefixes=_PREFIXES,
    names={"source": "source_path"},
)


def models(
    connection: sa.Connection, filter_: str, order: Sequence[str], limit: int, token: str
) -> tuple[list[str], str]:
    """The names of one page of registered models, and the token of the next.

    Raises:
        UsageError: Filter, order or token cannot be read.
    """
    tree = parse(filter_, MODELS)
    by = _order(order, MODEL_ORDER)
    if not any(each.expression is _n.name for each in by):
        by.append(Key(_n.name))
    query = sa.select(_n.name, *(each.expression for each in by)).where(_n.life == "active")

    def leaf(clause: Comparison) -> sa.ColumnElement[bool]:
        if clause.field.entity == "tag":
            return among_words(connection, model_tags, lambda tags: tags.c[0] == _n.name, clause)
        return compared(connection, _n.name, clause)

    query = query.where(_condition(tree, leaf, _n.kind))
    rows, following = _page(connection, query, by, [filter_, list(order)], limit, token)
    return [row[0] for row in rows], following


def versions(
    connection: sa.Connection, filter_: str, order: Sequence[str], limit: int, token: str
) -> tuple[list[sa.Row[Any]], str]:
    """The rows of one page of versions, and the token of the next.

    Raises:
        UsageError: Filter, order or token cannot be read.
    """
    tree = parse(filter_, VERSIONS)
    by = _order(order, VERSION_ORDER)
    for column, ascending in ((_v.model, True), (_v.version, False)):
        if not any(each.expression is column for each in by):
            by.append(Key(column, not ascending))
    kind = sa.select(_n.kind).where(_n.name == _v.model).scalar_subquery()

    def leaf(clause: Comparison) -> sa.ColumnElement[bool]:
        if clause.field.entity == "tag":
            return among_words(connection, version_tags, _is_of_version, clause)
        if isinstance(clause.value, float):
            raise refused(
                f"Invalid value for numeric attribute '{clause.field.key}': {clause.value!r}"
            )
        return compared(connection, _VERSION[clause.field.key], clause)

    query = table.select_versions().where(_condition(tree, leaf, kind))
    return _page(connection, query, by, [filter_, list(order)], limit, token)


def _is_of_version(tags: sa.Table) -> sa.ColumnElement[bool]:
    return (tags.c.model == _v.model) & (tags.c.version == _v.version)


def _condition(
    tree: Node | None,
    leaf: Callable[[Comparison], sa.ColumnElement[bool]],
    kind: sa.ColumnElement[str],
) -> sa.ColumnElement[bool]:
    """The whole condition. Prompts never stand among models unless a filter asks for them."""

    def either(clause: Comparison) -> sa.ColumnElement[bool]:
        if not _asks_for_kind(clause):
            return leaf(clause)
        wanted = str(clause.value).lower() == "true"
        same = clause.comparator in ("=", "LIKE", "ILIKE", "IS NOT NULL")
        wanted = wanted or clause.value is None
        return kind == ("prompt" if wanted == same else "model")

    if tree is None:
        return kind == "model"
    found = condition(tree, either)
    asked = any(_asks_for_kind(clause) for clause in comparisons(tree))
    return found if asked else sa.and_(found, kind == "model")


def _asks_for_kind(clause: Comparison) -> bool:
    return (clause.field.entity, clause.field.key) == ("tag", rules.PROMPT_TAG)


def _order(order: Sequence[str], known: Mapping[str, sa.ColumnElement[Any]]) -> list[Key]:
    vocabulary = Vocabulary(
        own=dict.fromkeys(known, _LISTED),
        prefixes=_PREFIXES,
        names={"timestamp": "last_updated_timestamp"},
        sorted_by=tuple(known),
    )
    return [Key(known[each.field.key], each.descending) for each in parse_orders(order, vocabulary)]


def _page(
    connection: sa.Connection,
    query: sa.Select[Any],
    by: Sequence[Key],
    question: object,
    limit: int,
    token: str,
) -> tuple[list[sa.Row[Any]], str]:
    if token:
        values = paging.place(token, question, by)
        query = query.where(paging.beyond(by, values))
    places = [each.expression.label(f"place_{i}") for i, each in enumerate(by)]
    query = query.add_columns(*places).order_by(*paging.ordered(by)).limit(limit + 1)
    rows = list(connection.execute(query).all())
    following = ""
    if len(rows) > limit:
        following = paging.token(question, rows[limit - 1][-len(by) :])
    return rows[:limit], following
