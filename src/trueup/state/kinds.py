"""What the kinds of columns in `schema.py` are to SQLAlchemy."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup.foundation import clock

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class Moment(sa.TypeDecorator[datetime]):
    """A UTC moment, kept as microseconds since 1970 so that it sorts and compares everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """To microseconds."""
        return None if value is None else clock.microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else clock.at_microseconds(value)


class Json(sa.TypeDecorator[Any]):
    """Plain JSON data, kept as sorted JSON text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """To text."""
        return None if value is None else msgspec.json.encode(value, order="sorted").decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        """From text."""
        return None if value is None else msgspec.json.decode(value)


# SQLite counts by itself only in a column of exactly this type.
_NUMBER: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def of(name: str, size: int | None) -> Any:
    """The type of a kind of column."""
    if name == "Number":
        return _NUMBER
    type_: Any = {"Moment": Moment, "Json": Json}.get(name) or getattr(sa, name)
    return type_ if size is None else type_(size)
