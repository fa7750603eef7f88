"""The one collection of tables. Each stage declares its own in its `table.py`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def microseconds(moment: datetime) -> int:
    """A moment as the column type `Moment` keeps it."""
    return round(moment.timestamp() * 1_000_000)


class Moment(sa.TypeDecorator[datetime]):
    """A UTC moment, kept as microseconds since 1970 so that it sorts and compares everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """To microseconds."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)


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


def row_as(type_: type[Any], row: sa.Row[Any]) -> Any:
    """The record of `type_` that a row holds: columns and fields have the same names."""
    # SQLAlchemy's names are a subclass of str, which msgspec does not take for a key.
    fields = {str(name): value for name, value in row._mapping.items()}
    return msgspec.convert(fields, type_, strict=False)


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: list[dict[str, Any]],
    *,
    key: tuple[str, ...],
    replace: bool = True,
) -> None:
    """Insert rows; where one of the same key is there, replace it or leave it alone."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    if replace and changed:
        statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, rows)
