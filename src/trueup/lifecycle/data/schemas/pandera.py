"""Schemas of Pandera: its YAML and JSON files, and its schema objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trueup.lifecycle.data.schemas.foreign import (
    Draft,
    Taken,
    kind_named,
    kind_of_values,
    literal,
    named,
)
from trueup.lifecycle.data.schemas.records import Column, Limits
from trueup.lifecycle.data.schemas.rules import is_pattern, reads

_DESCRIBES: Final = frozenset(
    {
        *("dtype", "nullable", "unique", "required", "title", "description", "checks", "coerce"),
        *("regex", "metadata", "parsers", "default", "drop_invalid_rows", "report_duplicates"),
        *("index_name", "name"),
    }
)


def taken(tree: Mapping[str, Any]) -> Taken:
    """A schema file as a schema."""
    draft = Draft(str(tree.get("name") or ""))
    for name, given in tree["columns"].items():
        _column(draft, str(name), dict(given or {}))
    strict = tree.get("strict")
    draft.set(
        further_columns="refuse" if strict is True else "allow", ordered=bool(tree.get("ordered"))
    )
    if strict == "filter":
        draft.leave("the table", "strict: filter", "a check changes no rows")
    if unique := tree.get("unique"):
        draft.set(unique=(tuple([unique] if isinstance(unique, str) else unique),))
    for name, given in _checks(tree.get("checks")):
        draft.leave("the table", str(name), f"write a rule for it ({given})")
    if tree.get("index"):
        draft.leave("the table", "index", "tables have no index; make it a column")
    for key in ("coerce", "parsers"):
        if tree.get(key):
            draft.leave("the table", key, "a check changes no rows")
    return draft.taken()


def of_object(schema: Any) -> Taken:
    """A `DataFrameSchema` as a schema; checks that are functions of your own are listed."""
    columns = {
        name: {
            "dtype": str(column.dtype) if column.dtype is not None else None,
            "nullable": column.nullable,
            "unique": column.unique,
            "required": column.required,
            "regex": column.regex,
            "description": column.description,
            "checks": [(str(c.name), c.statistics) for c in column.checks],
        }
        for name, column in schema.columns.items()
    }
    return taken(
        {
            "name": schema.name,
            "columns": columns,
            "strict": schema.strict,
            "ordered": schema.ordered,
            "unique": schema.unique,
            "index": schema.index,
            "checks": [(str(c.name), c.statistics) for c in schema.checks],
        }
    )


def _column(draft: Draft, name: str, given: dict[str, Any]) -> None:
    dtype = given.get("dtype")
    kind = kind_named(str(dtype)) if dtype else "any"
    if kind is None:
        draft.leave(name, f"dtype: {dtype}", "it is none of our types")
    draft.column(
        name,
        type=kind or "any",
        missing=1.0 if given.get("nullable") else 0.0,
        optional=given.get("required") is False,
        unique=bool(given.get("unique")),
        about=str(given.get("description") or given.get("title") or ""),
    )
    if kind == "datetime":
        draft.column(name, zone=_zone(str(dtype)))
    for key in ("coerce", "parsers", "drop_invalid_rows"):
        if given.get(key):
            draft.leave(name, key, "a check changes no rows")
    if given.get("default") is not None:
        draft.leave(name, "default", "a check changes no rows")
    if given.get("regex"):
        draft.leave(name, "regex", "a name stands for one column; list them one by one")
    flat = {key: value for key, value in given.items() if key not in _DESCRIBES}
    for check, value in (*_checks(given.get("checks")), *_checks(flat)):
        if why := _check(draft, name, str(check), value):
            draft.leave(name, f"{check}: {value}", why)


def _zone(dtype: str) -> str:
    inner = dtype.partition("[")[2].rstrip("]")
    return inner.partition(",")[2].strip()


def _checks(given: Any) -> Iterator[tuple[str, Any]]:
    """Names of checks with their settings, as a mapping or as pairs; a list may hold either."""
    if isinstance(given, Mapping):
        yield from given.items()
    for item in given if isinstance(given, list | tuple) else ():
        if isinstance(item, Mapping):
            options = dict(item.get("options") or {})
            name = options.get("check_name") or item.get("check_name")
            yield (
                (name, {k: v for k, v in item.items() if k != "options"})
                if name
                else (
                    next(iter(item), "?"),
                    next(iter(item.values()), None),
                )
            )
        else:
            yield item[0], item[1]


def _check(draft: Draft, name: str, check: str, given: Any) -> str:
    """Take over one check; why not, or nothing."""
    settings = dict(given) if isinstance(given, Mapping) else {"value": given}
    settings.pop("options", None)
    column = draft.column(name)
    value = next(iter(settings.values()), None)
    limits = _limits(check, settings, value)
    if limits is None:
        return "our schemas cannot say it; write a rule"
    told = [v for each in limits.values() for v in (each if isinstance(each, tuple) else (each,))]
    if column.type == "any" and "pattern" not in limits and "length" not in limits:
        draft.typed(name, kind_of_values(told))
        column = draft.column(name)
    if why := _unfit(column, limits):
        return why
    draft.limit(name, 1.0, _rule(named(name), limits), **limits)
    return ""


def _limits(check: str, settings: dict[str, Any], value: Any) -> dict[str, Any] | None:
    """Our keys for a check."""
    simple = {
        "greater_than_or_equal_to": "at_least",
        "less_than_or_equal_to": "at_most",
        "greater_than": "above",
        "less_than": "below",
    }
    if check in simple:
        return {simple[check]: _plain(value)}
    if check in ("in_range", "between"):
        low = "at_least" if settings.get("include_min", True) else "above"
        high = "at_most" if settings.get("include_max", True) else "below"
        return {low: _plain(settings["min_value"]), high: _plain(settings["max_value"])}
    sets = {"isin": "values", "notin": "never", "equal_to": "values", "not_equal_to": "never"}
    if check in sets:
        told = value if check in ("isin", "notin") else [value]
        return {sets[check]: tuple(map(_plain, told))}
    return _texts(check, settings, value)


def _texts(check: str, settings: dict[str, Any], value: Any) -> dict[str, Any] | None:
    import re

    pattern = getattr(value, "pattern", value)
    match check:
        case "str_matches":
            return {"pattern": f"^(?:{pattern})"}
        case "str_contains":
            return {"pattern": str(pattern)}
        case "str_startswith":
            return {"pattern": f"^{re.escape(str(value))}"}
        case "str_endswith":
            return {"pattern": f"{re.escape(str(value))}$"}
        case "str_length":
            exact = settings.get("exact_value")
            low, high = settings.get("min_value"), settings.get("max_value")
            return {
                "length": Limits(
                    at_least=low if exact is None else exact,
                    at_most=high if exact is None else exact,
                )
            }
    return None


def _plain(value: Any) -> Any:
    """A value of NumPy or pandas as one of ours."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _unfit(column: Column, limits: dict[str, Any]) -> str:
    if "pattern" in limits and not is_pattern(limits["pattern"]):
        return "its pattern looks ahead or back, which ours do not"
    for key, limit in limits.items():
        told = limit if isinstance(limit, tuple) else (limit,)
        if key not in ("pattern", "length") and not all(reads(each, column) for each in told):
            return f"its value is not of type {column.type}"
    return ""


def _rule(what: str, limits: dict[str, Any]) -> str:
    signs = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}
    said = [
        f"{what} {signs[key]} {literal(limit)}" for key, limit in limits.items() if key in signs
    ]
    for key, sign in (("values", "in"), ("never", "not in")):
        if key in limits:
            said.append(f"{what} {sign} [{', '.join(map(literal, limits[key]))}]")
    if "pattern" in limits:
        said.append(f"matches({what}, {limits['pattern']!r})")
    if length := limits.get("length"):
        low, high = length.at_least, length.at_most
        said += [f"length({what}) >= {low}"] if low is not None else []
        said += [f"length({what}) <= {high}"] if high is not None else []
    return " and ".join(said)
