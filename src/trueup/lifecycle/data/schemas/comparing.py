"""Two schemas side by side: what would change, key by key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from trueup.foundation.records import Record, builtins
from trueup.lifecycle.data.schemas.records import Column, Schema
from trueup.lifecycle.data.schemas.wording import number


class Change(Record):
    """One key that differs.

    Attributes:
        where: Column, rule, or `schema` for the rest.
        what: Whether it is new, gone or another.
        key: Which key; empty where the whole column or rule came or went.
        before: Its value, in words.
        after: Its value, in words.
    """

    where: str
    what: Literal["added", "removed", "changed"]
    key: str = ""
    before: str = ""
    after: str = ""


def compare(before: Schema, after: Schema) -> list[Change]:
    """What is different in `after`."""
    found = list(_keys("schema", _rest(before), _rest(after)))
    for name in dict.fromkeys((*before.columns, *after.columns)):
        found += _items(name, before.columns.get(name), after.columns.get(name))
    rules = ({r.name: r for r in s.rules} for s in (before, after))
    found += _named(*rules)
    references = ({f"{r.columns} in {r.table}": r for r in s.references} for s in (before, after))
    found += _named(*references)
    return found


def added(before: Schema, inferred: Schema) -> Schema:
    """A schema with the columns that it lacks; nothing that it says is changed."""
    import msgspec

    new = {n: c for n, c in inferred.columns.items() if n not in before.columns}
    return msgspec.structs.replace(before, columns=before.columns | new)


def _rest(schema: Schema) -> dict[str, Any]:
    tree: dict[str, Any] = builtins(schema)
    return {k: v for k, v in tree.items() if k not in ("columns", "rules", "references")}


def _named(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    names = dict.fromkeys((*before, *after))
    return [c for name in names for c in _items(name, before.get(name), after.get(name))]


def _items(where: str, before: Any, after: Any) -> Iterator[Change]:
    if before is None:
        yield Change(where=where, what="added", after=_said(after))
    elif after is None:
        yield Change(where=where, what="removed", before=_said(before))
    else:
        yield from _keys(where, builtins(before), builtins(after))


def _keys(where: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for key, old in before.items():
        if old != after[key]:
            said = _value(old), _value(after[key])
            yield Change(where=where, what="changed", key=key, before=said[0], after=said[1])


def _said(item: Any) -> str:
    return item.type if isinstance(item, Column) else str(getattr(item, "expression", ""))


def _value(value: Any) -> str:
    match value:
        case None | "" | [] | ():
            return "–"
        case list() | tuple():
            return ", ".join(map(_value, value))
        case dict():
            return ", ".join(f"{k} {_value(v)}" for k, v in value.items() if v is not None)
    return number(value) if isinstance(value, bool | int | float) else str(value)
