"""The database behind a URL: SQLite in WAL mode by default, PostgreSQL through psycopg.

Migrations run only when the stored revision differs from the package's; an empty SQLite file is
given the newest tables at once. Read `sqlite.py` next.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trueup.foundation.errors import BackendError, MissingExtraError, TrueupError
from trueup.state import driver
from trueup.state.sql import full
from trueup.state.sqlite import SqliteFile

if TYPE_CHECKING:
    import sqlalchemy as sa

REVISION = "0001"
_MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = _MIGRATIONS / "newest.sql"
"""What all migrations leave in an empty SQLite file: 0.6 s less than to follow them."""
_BUSY_SECONDS = 30
_MIGRATION_LOCK = 7_421_903  # any number of ours: whoever opens a new database takes it first
_FILE: Final = "sqlite:///"
_REVISION: Final = "alembic_version"  # the table in which Alembic keeps it


class Database:
    """Connections to one database, migrated to this package's revision."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file: SqliteFile | None = None
        self._server: sa.Engine | None = None
        with self.translated():
            if (file := _file(url)) is not None:
                self._file = SqliteFile(file, _BUSY_SECONDS)
            else:
                self._server = _server(url)
            try:
                self._migrate()
            except BaseException:
                self.close()
                raise

    @property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine over its connections."""
        if self._file is not None:
            return self._file.engine
        assert self._server is not None
        return self._server

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view of the database."""
        # Without a transaction each statement would see a newer state than the last one.
        with self.translated(), self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, *, relaxed: bool = False) -> Iterator[sa.Connection]:
        """One transaction: committed at the end of the block, undone by any exception.

        Args:
            relaxed: Do not wait for the disk. What is committed survives a kill of any process
                at once, and a loss of power after `sync` or the next transaction that is not
                relaxed. PostgreSQL sees to it by itself, within its `wal_writer_delay`.
        """
        # Take the write lock first: two writers queue instead of failing half-way.
        how = "NORMAL" if relaxed else "FULL"
        with self.translated(), self._transaction("BEGIN IMMEDIATE", how) as connection:
            if self._file is None:
                if relaxed:
                    driver.execute(connection, "SET LOCAL synchronous_commit TO OFF")
                # The same here. This statement alone sees no state yet: what it waits for is seen.
                driver.execute(connection, "LOCK TABLE events IN EXCLUSIVE MODE")
            yield connection

    def sync(self) -> None:
        """Make what was committed before survive a loss of power."""
        if self._file is None:
            return
        try:
            log = os.open(f"{self._file.file}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # it was folded into the database, which syncs both
            return
        try:
            os.fsync(log)
        finally:
            os.close(log)

    def data_version(self) -> int | None:
        """A number that is another one once anybody has written; None where none can be had.

        It costs microseconds, and says nothing about what was written: read `watching.py`.
        """
        with self.translated():
            return None if self._file is None else self._file.data_version()

    def close(self) -> None:
        """Close all connections."""
        if self._file is not None:
            self._file.close()
        elif self._server is not None:
            self._server.dispose()

    def _transaction(
        self, begin: str, synchronous: str = ""
    ) -> AbstractContextManager[sa.Connection]:
        if self._file is not None:
            return self._file.transaction(begin, synchronous)
        return self.engine.begin()

    def _migrate(self) -> None:
        if self._revision() == REVISION:
            return
        with self._migrating() as connection:
            found = _revision(connection)
            if found is not None and found > REVISION:
                raise BackendError(
                    "database-newer",
                    f"The database has revision {found}; this Trueup knows {REVISION}.",
                    hint="pip install --upgrade trueup",
                )
            if found is None and self._file is not None:
                for statement in NEWEST.read_text(encoding="utf-8").split(";\n"):
                    driver.execute(connection, statement)
            elif found != REVISION:
                migrate(full(connection))

    @contextmanager
    def _migrating(self) -> Iterator[sa.Connection]:
        """One transaction before which there may be no table yet."""
        if self._file is not None:
            with self.writing() as connection:
                yield connection
            return
        # Each statement sees what others have made meanwhile, not what there was at the start.
        engine = self.engine.execution_options(isolation_level="READ COMMITTED")
        with engine.begin() as connection:
            driver.execute(connection, f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database become ours."""
        try:
            yield
        except TrueupError:
            raise
        except Exception as error:
            if "sqlalchemy" not in sys.modules:  # the database's errors are its errors
                raise
            from trueup.state import refusals

            found = refusals.explained(error, *self._named(), _BUSY_SECONDS)
            if found is None:
                raise
            raise found from error

    def _named(self) -> tuple[str, str]:
        """The URL to be shown, and the file or the database's name at its server."""
        if self._url.startswith(_FILE):
            return self._url, self._url.removeprefix(_FILE)
        import sqlalchemy as sa

        url = sa.make_url(self._url)
        return url.render_as_string(hide_password=True), str(url.database)

    def _revision(self) -> str | None:
        with self._transaction("BEGIN") as connection:
            return _revision(connection)


def migrate(connection: sa.Connection) -> None:
    """Follow the migrations from the revision found to the newest, in an open transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _file(url: str) -> Path | None:
    """The file that a URL names."""
    place = url.removeprefix(_FILE) if url.startswith(_FILE) else ""
    if not place and url.startswith("sqlite"):
        raise _unusable("TRUEUP_DATABASE names no file.")
    if "?" in place or place == ":memory:":
        raise _unusable(f"TRUEUP_DATABASE names '{place}', which is no plain file.")
    return Path(place) if place else None


def _server(url: str) -> sa.Engine:
    """Connections to a server."""
    import sqlalchemy as sa

    try:
        return sa.create_engine(url, isolation_level="REPEATABLE READ", pool_pre_ping=True)
    except sa.exc.ArgumentError as error:
        raise _unusable("TRUEUP_DATABASE is no database URL.") from error
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "postgres") from error


def _unusable(message: str) -> BackendError:
    return BackendError(
        "database-unusable", message, hint="export TRUEUP_DATABASE=sqlite:////path/trueup.db"
    )


def _revision(connection: sa.Connection) -> str | None:
    if connection.dialect.name == "sqlite":
        tables = "SELECT 1 FROM sqlite_master WHERE name = ?"
        made = bool(driver.execute(connection, tables, (_REVISION,)))
    else:
        import sqlalchemy as sa

        made = sa.inspect(connection).has_table(_REVISION)
    if not made:
        return None
    found = driver.execute(connection, f"SELECT version_num FROM {_REVISION}")
    return str(found[0][0]) if found else None
