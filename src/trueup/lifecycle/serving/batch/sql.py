"""Rows of a database, by chunk: each query asks for what follows the last key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import sqlalchemy as sa

from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.serving.batch.records import Position

_SCHEMES = ("sqlite", "postgresql")


def is_address(text: str) -> bool:
    """Whether an input is the URL of a database."""
    return "://" in text


class Query:
    """What a query gives, in the order of a key that is different in every row.

    Args:
        url: Of the database: `sqlite:///rows.db`, `postgresql://host/name`.
        query: A SELECT without a semicolon.
        key: Column of whole numbers or text.

    Raises:
        UsageError: A part is missing, or the database is of another kind.
    """

    is_typed = False

    def __init__(self, url: str, query: str, key: str) -> None:
        if not query or not key:
            raise UsageError(
                "batch-query",
                "Rows of a database need a query, and a key whose value is another in each row.",
                hint="--query 'SELECT * FROM rows' --key id",
            )
        if not url.startswith(_SCHEMES):
            raise UsageError(
                "batch-query",
                "A batch reads SQLite and PostgreSQL; the URL names neither.",
                hint="--input sqlite:///rows.db",
            )
        driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            self._engine = sa.create_engine(driver)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise UsageError(
                "batch-query",
                f"The database cannot be opened: {type(error).__name__}.",
                hint="pip install 'trueup[postgres]'",
            ) from error
        self._name = self._engine.url.render_as_string(hide_password=True)
        self._query = query.strip().rstrip(";")
        self._key = key

    def identity(self) -> list[str]:
        """The URL without its password, the query and the key: rows may be added behind."""
        return [self._name, self._query, self._key]

    def columns(self) -> list[str]:
        """Its columns."""
        return self._ask("LIMIT 0", {})[0]

    def total(self) -> int | None:
        """Not asked for: counting may take as long as reading."""
        return None

    def chunks(self, start: Position, rows: int) -> Iterator[tuple[pl.DataFrame, Position]]:
        """One query for each chunk.

        Raises:
            UsageError: The key is absent, missing in a row or the same in two.
            BackendError: The database does not answer.
        """
        after, done = start.key, start.row
        key = self._engine.dialect.identifier_preparer.quote(self._key)
        if self._key not in self.columns():
            raise self._wrong_key("is no column of the query")
        while True:
            where = "" if after is None else f"WHERE {key} > :after "
            names, found = self._ask(
                f"{where}ORDER BY {key} LIMIT :rows", {"after": after, "rows": rows + 1}
            )
            more, found = len(found) > rows, found[: rows + 1]
            place = names.index(self._key)
            keys = [row[place] for row in found]
            if any(value is None for value in keys):
                raise self._wrong_key("is missing in a row")
            if not all(isinstance(value, int | str) for value in keys):
                raise self._wrong_key("is neither a whole number nor text")
            if len(set(keys)) < len(keys):
                raise self._wrong_key("is the same in two rows")
            found = found[:rows]
            if not found:
                return
            after, done = keys[len(found) - 1], done + len(found)
            plain = [tuple(map(_plain, row)) for row in found]
            frame = pl.DataFrame(plain, schema=names, orient="row", infer_schema_length=None)
            yield frame, Position(row=done, key=after)
            if not more:
                return

    def _ask(self, rest: str, values: dict[str, object]) -> tuple[list[str], list[sa.Row[Any]]]:
        # The query is the user's own; the key is quoted, values are bound.
        text = f"SELECT * FROM ({self._query}) AS trueup_rows {rest}"
        try:
            with self._engine.connect() as connection:
                result = connection.execute(sa.text(text), values)
                return list(result.keys()), list(result.all())
        except sa.exc.SQLAlchemyError as error:
            cause = type(getattr(error, "orig", None) or error).__name__
            raise BackendError(
                "batch-query-failed",
                f"The database {self._name} does not answer the query: {cause}.",
                hint="try the query in the database's own shell",
            ) from error

    def _wrong_key(self, what: str) -> UsageError:
        return UsageError(
            "batch-query",
            f"The key '{self._key}' {what}.",
            hint="--key id   (a column whose value is another in each row)",
        )


def _plain(value: object) -> object:
    """A number of the database's own kind as one of ours."""
    return value if isinstance(value, int | float | str | None) else _number_or_text(value)


def _number_or_text(value: object) -> object:
    from decimal import Decimal

    return float(value) if isinstance(value, Decimal) else str(value)
