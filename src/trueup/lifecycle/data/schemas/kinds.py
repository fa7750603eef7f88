"""The types of a schema and those of Polars, and how a written value is read as one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from trueup.lifecycle.data.schemas.records import Column, Kind, Value

if TYPE_CHECKING:
    import polars as pl

_NAMED_KEY: Final = re.compile(r"(^|_)(?i:id|key|uuid|guid|uid)$|[a-z]Id$")
NUMERIC: Final = frozenset({"whole", "number"})
_ARTICLES: Final[dict[Kind, str]] = {
    "whole": "whole numbers",
    "number": "numbers",
    "text": "text",
    "boolean": "true or false",
    "date": "dates",
    "datetime": "moments",
    "time": "times of day",
    "duration": "lengths of time",
    "list": "lists",
    "record": "records",
    "binary": "bytes",
    "any": "nothing",
}


def kind_of(dtype: pl.DataType) -> Kind:
    """What a Polars type is called in a schema; `any` for a column without any value."""
    import polars as pl

    if dtype.is_integer():
        return "whole"
    if dtype.is_numeric():
        return "number"
    simple: dict[Any, Kind] = {
        pl.String: "text",
        pl.Categorical: "text",
        pl.Enum: "text",
        pl.Boolean: "boolean",
        pl.Date: "date",
        pl.Datetime: "datetime",
        pl.Time: "time",
        pl.Duration: "duration",
        pl.List: "list",
        pl.Array: "list",
        pl.Struct: "record",
        pl.Binary: "binary",
    }
    return simple.get(dtype.base_type(), "any")


def words(kind: Kind) -> str:
    """What a type holds, in words."""
    return _ARTICLES[kind]


def is_named_key(name: str) -> bool:
    """Whether a column is called as columns are that name rows.

    Example:
        >>> is_named_key("customer_id"), is_named_key("paid")
        (True, False)
    """
    return _NAMED_KEY.search(name) is not None


def fits(kind: Kind, wanted: Kind) -> bool:
    """Whether values of a type may stand where another is wanted.

    `whole` may be kept as numbers with a fraction: their values are looked at one by one.
    """
    return wanted in ("any", kind) or kind == "any" or {kind, wanted} == {"whole", "number"}


def zone_of(dtype: pl.DataType) -> str:
    """The time zone of a `datetime`; empty for none."""
    return getattr(dtype, "time_zone", None) or ""


def parsed(value: Value, column: Column) -> Any:
    """A written limit as a value of the column's type.

    Raises:
        ValueError: It is none.
    """
    read = _READ.get((column.type, type(value)))
    if column.type == "any":
        return value
    if read is None:
        raise ValueError(f"{value!r} is not of type {column.type}")
    return read(value)


def _moment(text: str) -> datetime:
    """A moment in UTC, or on the wall when it was written without an offset."""
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found


def _as_it_is(value: Any) -> Any:
    return value


_READ: Final[dict[tuple[Kind, type], Callable[[Any], Any]]] = {
    ("whole", int): _as_it_is,
    ("whole", float): _as_it_is,
    ("number", int): _as_it_is,
    ("number", float): _as_it_is,
    ("text", str): _as_it_is,
    ("boolean", bool): _as_it_is,
    ("date", str): date.fromisoformat,
    ("datetime", str): _moment,
    ("time", str): time.fromisoformat,
}
