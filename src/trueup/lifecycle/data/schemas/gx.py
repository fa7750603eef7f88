"""Suites of Great Expectations, 0.18 and 1.x, as their JSON files hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from trueup.lifecycle.data.schemas.foreign import (
    Draft,
    Taken,
    kind_named,
    kind_of_values,
    literal,
    named,
)
from trueup.lifecycle.data.schemas.records import Limits
from trueup.lifecycle.data.schemas.rules import is_pattern

_PREFIX: Final = "expect_"


class _Refused(Exception):
    """Why one of them cannot be said."""


def taken(tree: dict[str, Any]) -> Taken:
    """The suite as a schema."""
    draft = Draft(str(tree.get("name") or tree.get("expectation_suite_name") or ""))
    for item in tree["expectations"]:
        kind = str(item.get("type") or item.get("expectation_type") or "")
        given = dict(item.get("kwargs") or {})
        where = str(given.get("column") or given.get("column_A") or "the table")
        conditions = [k for k in ("row_condition", "condition_parser") if given.get(k)]
        take = _TAKES.get(kind)
        try:
            if take is None:
                raise _Refused("our schemas cannot say it")
            if "row_condition" in conditions:
                raise _Refused("it holds for some rows only; write a rule")
            take(draft, given)
        except _Refused as why:
            draft.leave(where, kind, str(why))
        except (KeyError, TypeError, ValueError) as error:
            draft.leave(where, kind, f"it cannot be read: {error!r}")
    return draft.taken()


def _mostly(given: dict[str, Any]) -> float:
    return float(given.get("mostly") or 1.0)


def _exist(draft: Draft, given: dict[str, Any]) -> None:
    draft.column(given["column"])


def _not_null(draft: Draft, given: dict[str, Any]) -> None:
    draft.column(given["column"], missing=round(1 - _mostly(given), 12))


def _null(draft: Draft, given: dict[str, Any]) -> None:
    draft.rule(
        f"{given['column']} is empty", f"is_missing({named(given['column'])})", _mostly(given)
    )


def _in_set(draft: Draft, given: dict[str, Any]) -> None:
    _set(draft, given, "values", "in")


def _not_in_set(draft: Draft, given: dict[str, Any]) -> None:
    _set(draft, given, "never", "not in")


def _set(draft: Draft, given: dict[str, Any], key: str, sign: str) -> None:
    values = [value for value in given["value_set"] if value is not None]
    kind = kind_of_values(values)
    if kind == "any" or not draft.typed(given["column"], kind):
        raise _Refused("its values are not of the column's type")
    listed = ", ".join(map(literal, values))
    rule = f"{named(given['column'])} {sign} [{listed}]"
    draft.limit(given["column"], _mostly(given), rule, **{key: tuple(values)})


def _between(draft: Draft, given: dict[str, Any]) -> None:
    name, low, high = given["column"], given.get("min_value"), given.get("max_value")
    ends = [end for end in (low, high) if end is not None]
    if not ends or any(isinstance(end, dict) for end in ends):
        raise _Refused("it names no limit")
    kind = kind_of_values(ends)
    kind = "number" if kind == "whole" else kind
    if kind == "text":
        raise _Refused("limits of text or dates need the column's type; write at_least and at_most")
    if not draft.typed(name, kind):
        raise _Refused("its limits are not of the column's type")
    keys: dict[str, Any] = {}
    if low is not None:
        keys["above" if given.get("strict_min") else "at_least"] = low
    if high is not None:
        keys["below" if given.get("strict_max") else "at_most"] = high
    draft.limit(name, _mostly(given), _range(named(name), given), **keys)


def _range(what: str, given: dict[str, Any]) -> str:
    low, high = given.get("min_value"), given.get("max_value")
    left = f"{literal(low)} {'<' if given.get('strict_min') else '<='} " if low is not None else ""
    right = (
        f" {'<' if given.get('strict_max') else '<='} {literal(high)}" if high is not None else ""
    )
    if not left and not right:
        raise _Refused("it names no limit")
    return f"{left}{what}{right}"


def _type(draft: Draft, given: dict[str, Any]) -> None:
    names = given.get("type_list") or [given.get("type_")]
    found = {kind_named(str(name)) for name in names if name}
    if found == {"whole", "number"}:
        found = {"number"}
    kind = found.pop() if len(found) == 1 else None
    if kind is None:
        raise _Refused(f"the type {', '.join(map(str, names))} is none of ours")
    if not draft.typed(given["column"], kind):
        raise _Refused("the column has another type already")
    if draft.column(given["column"]).type == "number" and kind == "whole":
        draft.column(given["column"], type="whole")


def _unique(draft: Draft, given: dict[str, Any]) -> None:
    if _mostly(given) < 1:
        raise _Refused("a share of values that come once cannot be said")
    draft.column(given["column"], unique=True)


def _unique_together(draft: Draft, given: dict[str, Any]) -> None:
    if _mostly(given) < 1:
        raise _Refused("a share of rows that come once cannot be said")
    names = tuple(given.get("column_list") or given["column_set"])
    draft.set(unique=(*draft.schema.unique, names))


def _regex(draft: Draft, given: dict[str, Any]) -> None:
    pattern = given["regex"]
    if not is_pattern(pattern):
        raise _Refused("its pattern looks ahead or back, which ours do not")
    if not draft.typed(given["column"], "text"):
        raise _Refused("the column is not of text")
    rule = f"matches({named(given['column'])}, {pattern!r})"
    draft.limit(given["column"], _mostly(given), rule, pattern=pattern)


def _lengths(draft: Draft, given: dict[str, Any]) -> None:
    if given.get("strict_min") or given.get("strict_max"):
        raise _Refused("write the length with both ends included")
    low, high = (
        given.get("min_value", given.get("value")),
        given.get("max_value", given.get("value")),
    )
    if not draft.typed(given["column"], "text"):
        raise _Refused("the column is not of text")
    limits = Limits(at_least=low, at_most=high)
    rule = _range(f"length({named(given['column'])})", {"min_value": low, "max_value": high})
    draft.limit(given["column"], _mostly(given), rule, length=limits)


def _of_column(function: str) -> Callable[[Draft, dict[str, Any]], None]:
    def take(draft: Draft, given: dict[str, Any]) -> None:
        what = f"{function}({named(given['column'])})"
        rule = _range(what, given)
        draft.column(given["column"])
        draft.rule(rule, rule)

    return take


def _greater(draft: Draft, given: dict[str, Any]) -> None:
    sign = ">=" if given.get("or_equal") else ">"
    _pair(draft, given, sign)


def _equal(draft: Draft, given: dict[str, Any]) -> None:
    _pair(draft, given, "==")


def _pair(draft: Draft, given: dict[str, Any], sign: str) -> None:
    rule = f"{named(given['column_A'])} {sign} {named(given['column_B'])}"
    draft.column(given["column_A"])
    draft.column(given["column_B"])
    draft.rule(rule, rule, _mostly(given))


def _sum(draft: Draft, given: dict[str, Any]) -> None:
    names = " + ".join(map(named, given["column_list"]))
    rule = f"{names} == {literal(given['sum_total'])}"
    draft.rule(rule, rule, _mostly(given))


def _rows(draft: Draft, given: dict[str, Any]) -> None:
    if given.get("strict_min") or given.get("strict_max"):
        raise _Refused("write the number of rows with both ends included")
    low, high = (
        given.get("min_value", given.get("value")),
        given.get("max_value", given.get("value")),
    )
    draft.set(rows=Limits(at_least=low, at_most=high))


def _columns(draft: Draft, given: dict[str, Any]) -> None:
    names = given.get("column_set") or given["column_list"]
    for name in names:
        draft.column(name)
    if given.get("exact_match", True):
        draft.set(further_columns="refuse")


def _columns_in_order(draft: Draft, given: dict[str, Any]) -> None:
    before = dict(draft.schema.columns)
    draft.set(columns={}, further_columns="refuse", ordered=True)
    for name in given["column_list"]:
        draft.column(name)
    fresh = draft.schema.columns
    draft.set(columns={n: before.get(n, c) for n, c in fresh.items()} | before)


_TAKES: Final[dict[str, Callable[[Draft, dict[str, Any]], None]]] = {
    _PREFIX + name: take
    for name, take in {
        "column_to_exist": _exist,
        "column_values_to_not_be_null": _not_null,
        "column_values_to_be_null": _null,
        "column_values_to_be_in_set": _in_set,
        "column_values_to_not_be_in_set": _not_in_set,
        "column_values_to_be_between": _between,
        "column_values_to_be_of_type": _type,
        "column_values_to_be_in_type_list": _type,
        "column_values_to_be_unique": _unique,
        "compound_columns_to_be_unique": _unique_together,
        "column_values_to_match_regex": _regex,
        "column_value_lengths_to_be_between": _lengths,
        "column_value_lengths_to_equal": _lengths,
        "column_mean_to_be_between": _of_column("mean"),
        "column_median_to_be_between": _of_column("median"),
        "column_min_to_be_between": _of_column("min"),
        "column_max_to_be_between": _of_column("max"),
        "column_sum_to_be_between": _of_column("sum"),
        "column_stdev_to_be_between": _of_column("std"),
        "column_unique_value_count_to_be_between": _of_column("distinct"),
        "column_pair_values_a_to_be_greater_than_b": _greater,
        "column_pair_values_to_be_equal": _equal,
        "multicolumn_sum_to_equal": _sum,
        "table_row_count_to_be_between": _rows,
        "table_row_count_to_equal": _rows,
        "table_columns_to_match_set": _columns,
        "table_columns_to_match_ordered_list": _columns_in_order,
    }.items()
}
