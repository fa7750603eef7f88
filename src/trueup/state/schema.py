"""Tables, declared once: each stage declares its own in its `table.py`.

A declaration is plain data. Statements for the driver (`driver.py`) take names and types from it;
where a statement is built with SQLAlchemy it becomes a table of SQLAlchemy's, which is imported
then. The migration is made of the same declarations.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from trueup.foundation import clock

if TYPE_CHECKING:
    import sqlalchemy as sa

    _Table = sa.Table
else:
    _Table = object


class Kind(NamedTuple):
    """What a column holds: the name of a type in `kinds.py` or in SQLAlchemy, and its size."""

    name: str
    size: int | None = None


def String(size: int) -> Kind:  # noqa: N802 (reads as the types beside it)
    """Text of so many characters at most."""
    return Kind("String", size)


Text: Final = Kind("Text")
Boolean: Final = Kind("Boolean")
SmallInteger: Final = Kind("SmallInteger")
Integer: Final = Kind("Integer")
BigInteger: Final = Kind("BigInteger")
Number: Final = Kind("Number")  # counted by the database itself
Float: Final = Kind("Float", 53)
Bytes: Final = Kind("LargeBinary")
Moment: Final = Kind("Moment")
Json: Final = Kind("Json")


class Column:
    """A column; the options are those of SQLAlchemy's."""

    __slots__ = ("kind", "name", "options")

    def __init__(self, name: str, kind: Kind, **options: Any) -> None:
        self.name = name
        self.kind = kind
        self.options = options

    def kept(self, value: Any) -> Any:
        """A value as the driver keeps it."""
        if value is None:
            return None
        if self.kind is Moment:
            return clock.microseconds(value)
        if self.kind is Json:
            return msgspec.json.encode(value, order="sorted").decode()
        return value

    def found(self, value: Any) -> Any:
        """A value as the driver found it."""
        if value is None:
            return None
        if self.kind is Moment:
            return clock.at_microseconds(value)
        if self.kind is Json:
            return msgspec.json.decode(value)
        return bool(value) if self.kind is Boolean else value


class Index:
    """An index over columns, of the rows of which `where` is true."""

    __slots__ = ("_postgresql", "_sqlite", "columns", "name", "unique")

    def __init__(
        self,
        name: str,
        *columns: str,
        unique: bool = False,
        where: str = "",
        postgresql_where: str = "",
    ) -> None:
        self.name = name
        self.columns = columns
        self.unique = unique
        self._sqlite = where
        self._postgresql = postgresql_where or where

    @property
    def only(self) -> dict[str, Any]:
        """Of which rows, as SQLAlchemy wants it."""
        import sqlalchemy as sa

        said = {"sqlite_where": self._sqlite, "postgresql_where": self._postgresql}
        return {name: sa.text(where) for name, where in said.items() if where}


class Unique:
    """Columns whose values occur once together."""

    __slots__ = ("columns",)

    def __init__(self, *columns: str) -> None:
        self.columns = columns


class Table(_Table):
    """A table. In statements of SQLAlchemy's it may stand wherever one of its tables may."""

    is_clause_element = False  # what SQLAlchemy asks before it calls `__clause_element__`

    def __init__(self, name: str, *parts: Column | Index | Unique, **options: Any) -> None:
        self.name = name
        self.declared = {part.name: part for part in parts if isinstance(part, Column)}
        self._parts = parts
        self._options = options
        declarations[name] = self

    @cached_property
    def built(self) -> sa.Table:
        """SQLAlchemy's table of this declaration."""
        import sqlalchemy as sa

        from trueup.state import kinds

        made: list[sa.schema.SchemaItem] = []
        for part in self._parts:
            if isinstance(part, Column):
                made.append(sa.Column(part.name, kinds.of(*part.kind), **part.options))
            elif isinstance(part, Index):
                made.append(sa.Index(part.name, *part.columns, unique=part.unique, **part.only))
            else:
                made.append(sa.UniqueConstraint(*part.columns))
        return sa.Table(self.name, kinds.metadata, *made, **self._options)

    if not TYPE_CHECKING:

        def __clause_element__(self) -> Any:
            return self.built

        @cached_property
        def c(self) -> _Columns:
            """Its columns for statements of SQLAlchemy's; nothing is built before one is named."""
            return _Columns(self)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(self.built, name)


class _Columns:
    """The columns of a table that is built when one of them is asked for."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._table.built.c, name)

    def __getitem__(self, name: Any) -> Any:
        return self._table.built.c[name]

    def __contains__(self, name: str) -> bool:
        return name in self._table.declared

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table.built.c)

    def __len__(self) -> int:
        return len(self._table.declared)

    def keys(self) -> list[str]:
        return list(self._table.declared)


declarations: Final[dict[str, Table]] = {}


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
