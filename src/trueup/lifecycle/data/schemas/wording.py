"""A schema in words: one line a column, as tables and reports show it."""

from __future__ import annotations

from collections.abc import Iterator

from trueup.foundation.text import listing, plural
from trueup.lifecycle.data.schemas.records import Column, Limits, Schema, Value
from trueup.rendering import words

_SHOWN = 6


def columns(schema: Schema) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, type, values, missing and environments of each column."""
    for name, column in schema.columns.items():
        missing = words.percent(column.missing, 3) if column.missing else "none"
        where = listing(column.environments) or ("anywhere" if not column.optional else "")
        yield name, _type(column), values(column), missing, where or "optional"


def values(column: Column) -> str:
    """What values a column may have."""
    said = []
    if column.values:
        said.append(_listed(column.values))
    low, high = column.at_least, column.at_most
    if low is not None or high is not None:
        said.append(_between(Limits(at_least=low, at_most=high)))
    if column.above is not None:
        said.append(f"above {number(column.above)}")
    if column.below is not None:
        said.append(f"below {number(column.below)}")
    if column.never:
        said.append(f"never {_listed(column.never)}")
    if column.length is not None:
        said.append(f"{_between(column.length)} characters")
    if column.pattern:
        said.append(f"like {column.pattern}")
    if column.unique:
        said.append("each once")
    if column.holds < 1 and said:
        said.append(f"in {words.percent(column.holds, 3)}")
    return ", ".join(said)


def others(schema: Schema) -> dict[str, str]:
    """What is said of more than one column."""
    found = {
        "rows": _between(schema.rows),
        "further columns": "may be there" if schema.further_columns == "allow" else "",
        "unique": "; ".join(" + ".join(names) for names in schema.unique),
    }
    if schema.freshness is not None:
        found["freshness"] = f"{schema.freshness.column} within {schema.freshness.within}"
    found |= {rule.name: rule.expression for rule in schema.rules}
    for reference in schema.references:
        found[" + ".join(reference.columns)] = f"found in {reference.table}"
    return {name: said for name, said in found.items() if said}


def number(value: Value) -> str:
    """A limit as it is read."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return words.number(value, 6)


def _type(column: Column) -> str:
    zoned = column.type == "datetime" and column.zone not in ("", "any")
    return f"{column.type} {column.zone}" if zoned else column.type


def _listed(found: tuple[Value, ...]) -> str:
    shown = ", ".join(number(value) for value in found[:_SHOWN])
    return f"{shown} … ({plural(len(found), 'value')})" if len(found) > _SHOWN else shown


def _between(limits: Limits) -> str:
    low, high = limits.at_least, limits.at_most
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    if low is not None:
        return f"at least {number(low)}"
    return f"at most {number(high)}" if high is not None else ""
