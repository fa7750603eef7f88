"""Finding registered models and versions: filter and order as SQL, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from trueup.foundation.errors import UsageError
from trueup.lifecycle.models.registry import rules, table
from trueup.lifecycle.models.registry.table import model_tags, version_tags
from trueup.lifecycle.models.table import model_versions, registered_models
from trueup.state import clauses, paging
from trueup.state.clauses import Clause
from trueup.state.paging import By

_n = registered_models.c
_v = model_versions.c
_OF_NAMES: Final = frozenset(("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"))
_OF_TAGS: Final = frozenset(("=", "!=", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL"))
_OF_NUMBERS: Final = frozenset(("=", "!=", ">", ">=", "<", "<="))


def _plain(moment: sa.Column[Any]) -> sa.ColumnElement[int]:
    """A moment as the database keeps it: a whole number, which a page token can hold."""
    return sa.type_coerce(moment, sa.BigInteger())


MODEL_ORDER: Final = {
    "name": _n.name,
    "timestamp": _plain(_n.updated_at),
    "last_updated_timestamp": _plain(_n.updated_at),
    "creation_timestamp": _plain(_n.created_at),
}
VERSION_ORDER: Final = {
    "name": _v.model,
    "version_number": _v.version,
    "creation_timestamp": _plain(_v.registered_at),
    "last_updated_timestamp": _plain(_v.updated_at),
}
_VERSION_TEXTS: Final = {
    **{"name": _v.model, "run_id": _v.run, "source_path": _v.source, "source": _v.source},
    **{"model_id": _v.logged_model},
}


def models(
    connection: sa.Connection, filter_: str, order: Sequence[str], limit: int, token: str
) -> tuple[list[str], str]:
    """The names of one page of registered models, and the token of the next.

    Raises:
        UsageError: Filter, order or token cannot be read.
    """
    read = clauses.parse(filter_)
    rest, kind = _kind(read)
    by = _order(order, MODEL_ORDER)
    if not any(each.expression is _n.name for each in by):
        by.append(By(_n.name))
    query = sa.select(_n.name, *(each.expression for each in by)).where(
        _n.life == "active", _n.kind == kind
    )
    for clause in rest:
        if clause.kind == "tag":
            query = query.where(_tagged(connection, clause, (_n.name,), model_tags))
        elif clause.kind == "attribute" and clause.key == "name":
            clauses.require(clause, _OF_NAMES)
            query = query.where(clauses.compared(connection, _n.name, _texts(clause)))
        else:
            raise _no_attribute(clause)
    rows, following = _page(connection, query, by, [filter_, list(order)], limit, token)
    return [row[0] for row in rows], following


def versions(
    connection: sa.Connection, filter_: str, order: Sequence[str], limit: int, token: str
) -> tuple[list[sa.Row[Any]], str]:
    """The rows of one page of versions, and the token of the next.

    Raises:
        UsageError: Filter, order or token cannot be read.
    """
    read = clauses.parse(filter_)
    rest, kind = _kind(read)
    by = _order(order, VERSION_ORDER)
    for column, ascending in ((_v.model, True), (_v.version, False)):
        if not any(each.expression is column for each in by):
            by.append(By(column, ascending))
    of_kind = sa.select(_n.name).where(_n.kind == kind)
    query = table.select_versions().where(_v.model.in_(of_kind))
    for clause in rest:
        query = query.where(_version_condition(connection, clause))
    question = [filter_, list(order)]
    return _page(connection, query, by, question, limit, token)


def _version_condition(connection: sa.Connection, clause: Clause) -> sa.ColumnElement[bool]:
    if clause.kind == "tag":
        return _tagged(connection, clause, (_v.model, _v.version), version_tags)
    if clause.kind == "attribute" and clause.key == "version_number":
        clauses.require(clause, _OF_NUMBERS)
        value = clause.value
        if isinstance(value, str) and value.isdecimal():
            value = float(value)
        if not isinstance(value, float) or value != int(value):
            raise UsageError(
                "filter-unreadable",
                f"Invalid value for numeric attribute 'version_number': {clause.value!r}",
                hint="trueup explain filter-unreadable",
            )
        return clauses.compared(connection, _v.version, clause._replace(value=int(value)))
    if clause.kind == "attribute" and clause.key in _VERSION_TEXTS:
        clauses.require(clause, _OF_NAMES)
        return clauses.compared(connection, _VERSION_TEXTS[clause.key], _texts(clause))
    raise _no_attribute(clause)


def _kind(read: Sequence[Clause]) -> tuple[list[Clause], str]:
    """The other clauses, and whether prompts are wanted: they never stand among models."""
    rest = [each for each in read if (each.kind, each.key) != ("tag", rules.PROMPT_TAG)]
    for each in read:
        if each not in rest:
            said = (each.operator, str(each.value).lower())
            return rest, "prompt" if said in (("=", "true"), ("!=", "false")) else "model"
    return rest, "model"


def _tagged(
    connection: sa.Connection,
    clause: Clause,
    owner: tuple[sa.ColumnElement[Any], ...],
    tags: sa.Table,
) -> sa.ColumnElement[bool]:
    clauses.require(clause, _OF_TAGS)
    same = [tags.c[i] == column for i, column in enumerate(owner)]
    has = sa.select(tags.c.key).where(*same, tags.c.key == clause.key)
    if clause.operator == "IS NULL":
        return ~has.exists()
    if clause.operator == "IS NOT NULL":
        return has.exists()
    return has.where(clauses.compared(connection, tags.c.value, _texts(clause))).exists()


def _texts(clause: Clause) -> Clause:
    if isinstance(clause.value, float):
        raise clauses.refused(f"{clause.key} {clause.operator} {clause.value:g}")
    return clause


def _order(order: Sequence[str], known: Mapping[str, Any]) -> list[By]:
    found: list[By] = []
    for each in order:
        words = each.split()
        key = words[0].strip("`\"'") if words else ""
        way = words[1].upper() if len(words) > 1 else "ASC"
        if len(words) not in (1, 2) or way not in ("ASC", "DESC") or key not in known:
            raise UsageError(
                "filter-unreadable",
                f"Invalid order by key '{each[:200]}' specified. Valid keys are {list(known)}",
                hint="trueup explain filter-unreadable",
            )
        if any(by.expression is known[key] for by in found):
            raise UsageError(
                "filter-unreadable",
                f"`order_by` contains duplicate fields: {[str(one)[:100] for one in order]}",
                hint="trueup explain filter-unreadable",
            )
        found.append(By(known[key], way == "ASC"))
    return found


def _page(
    connection: sa.Connection,
    query: sa.Select[Any],
    by: Sequence[By],
    question: object,
    limit: int,
    token: str,
) -> tuple[list[sa.Row[Any]], str]:
    if token:
        values = paging.values_of(token, question, len(by))
        query = query.where(paging.after(by, values))
    places = [each.expression.label(f"place_{i}") for i, each in enumerate(by)]
    query = query.add_columns(*places).order_by(*paging.clauses(by)).limit(limit + 1)
    rows = list(connection.execute(query).all())
    following = ""
    if len(rows) > limit:
        following = paging.token(question, rows[limit - 1][-len(by) :])
    return rows[:limit], following


def _no_attribute(clause: Clause) -> UsageError:
    return UsageError(
        "filter-unreadable",
        f"Invalid attribute name: {clause.kind}.{clause.key[:100]}",
        hint="trueup explain filter-unreadable",
    )
