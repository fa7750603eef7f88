"""The database behind a URL: SQLite in WAL mode by default, PostgreSQL through psycopg.

Migrations run only when the stored revision differs from the package's.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError, MissingExtraError, TrueupError, UsageError
from trueup.state import driver

REVISION = "0001"
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30
_MIGRATION_LOCK = 7_421_903  # any number of ours: whoever opens a new database takes it first


class Database:
    """Connections to one database, migrated to this package's revision."""

    def __init__(self, url: str) -> None:
        try:
            self.url = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise BackendError(
                "database-unusable",
                "TRUEUP_DATABASE is no database URL.",
                hint="export TRUEUP_DATABASE=sqlite:////path/trueup.db",
            ) from error
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = self._engine()
        try:
            with self.translated():
                self._migrate()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view of the database."""
        with self.translated(), self.engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                # Without a transaction each statement would see a newer state than the last one.
                driver.execute(connection, "BEGIN")
            yield connection

    @contextmanager
    def writing(self, *, relaxed: bool = False) -> Iterator[sa.Connection]:
        """One transaction: committed at the end of the block, undone by any exception.

        Args:
            relaxed: Do not wait for the disk. What is committed survives a kill of any process
                at once, and a loss of power after `sync` or the next transaction that is not
                relaxed. PostgreSQL sees to it by itself, within its `wal_writer_delay`.
        """
        with self.translated(), self.engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                _synchronise(connection, "NORMAL" if relaxed else "FULL")
                # Take the write lock first: two writers queue instead of failing half-way.
                driver.execute(connection, "BEGIN IMMEDIATE")
            else:
                if relaxed:
                    driver.execute(connection, "SET LOCAL synchronous_commit TO OFF")
                # The same here. This statement alone sees no state yet: what it waits for is seen.
                driver.execute(connection, "LOCK TABLE events IN EXCLUSIVE MODE")
            yield connection

    def sync(self) -> None:
        """Make what was committed before survive a loss of power."""
        if not self.is_sqlite or self.url.database in (None, "", ":memory:"):
            return
        try:
            log = os.open(f"{self.url.database}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # it was folded into the database, which syncs both
            return
        try:
            os.fsync(log)
        finally:
            os.close(log)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _engine(self) -> sa.Engine:
        if not self.is_sqlite:
            try:
                return sa.create_engine(
                    self.url, isolation_level="REPEATABLE READ", pool_pre_ping=True
                )
            except ModuleNotFoundError as error:
                raise MissingExtraError(str(error.name), "postgres") from error
        arguments = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
        if self.url.database in (None, "", ":memory:"):
            engine = sa.create_engine(
                self.url, connect_args=arguments, poolclass=sa.pool.StaticPool
            )
        else:
            _create_private(Path(str(self.url.database)))
            # Keep connections open: when the last one closes, SQLite folds its log back (6 ms).
            engine = sa.create_engine(
                self.url, connect_args=arguments, poolclass=sa.pool.QueuePool, max_overflow=-1
            )
            _engines.add(engine)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine

    def _migrate(self) -> None:
        with self.engine.connect() as connection:
            if _revision(connection) == REVISION:
                return
        # Alembic is imported only when there is work for it: it costs 100 ms.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._migrating() as connection:
            found = _revision(connection)
            if found is not None and found > REVISION:
                raise BackendError(
                    "database-newer",
                    f"The database has revision {found}; this Trueup knows {REVISION}.",
                    hint="pip install --upgrade trueup",
                )
            if found != REVISION:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    @contextmanager
    def _migrating(self) -> Iterator[sa.Connection]:
        """One transaction before which there may be no table yet."""
        if self.is_sqlite:
            with self.writing() as connection:
                yield connection
            return
        # Each statement sees what others have made meanwhile, not what there was at the start.
        engine = self.engine.execution_options(isolation_level="READ COMMITTED")
        with engine.connect() as connection, connection.begin():
            driver.execute(connection, f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database become ours."""
        try:
            yield
        except DBAPIError as error:
            detail = str(error.orig).splitlines()[0] if error.orig else str(error)
            raise _database_error(detail, error, self.url) from error


def _database_error(detail: str, error: DBAPIError, url: sa.URL) -> TrueupError:
    if isinstance(error, sa.exc.DataError):
        return UsageError(
            "value-unkeepable",
            f"The database can keep no such value: {detail}.",
            hint="trueup explain value-unkeepable",
        )
    shown = url.render_as_string(hide_password=True)
    if "not a database" in detail or "malformed" in detail:
        return BackendError(
            "database-damaged",
            f"The database {shown} is damaged: {detail}.",
            hint="restore it from a backup, or set it aside: "
            f"mv '{url.database}' '{url.database}.damaged'",
        )
    if "locked" in detail:
        return BackendError(
            "database-busy",
            f"The database {shown} stayed locked by another process for {_BUSY_SECONDS} s.",
            hint="wait for the other trueup command, then run this again",
        )
    if isinstance(error, OperationalError | DatabaseError) and not isinstance(
        error, sa.exc.IntegrityError | sa.exc.ProgrammingError
    ):
        return BackendError(
            "database-unusable",
            f"The database {shown} cannot be used: {detail}.",
            hint="trueup doctor",
        )
    return BackendError("database-refused", f"The database refused a write: {detail}.")


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _create_private(file: Path) -> None:
    make_private(file.parent)
    if file.exists():
        return
    try:
        file.touch(mode=0o600)  # SQLite gives its log and index files the same mode
    except OSError as error:
        raise BackendError(
            "database-unusable",
            f"The database {file} cannot be made: {error.strerror or error}.",
            hint="trueup doctor",
        ) from error


def _synchronise(connection: sa.Connection, how: str) -> None:
    """How SQLite waits for the disk; a setting of each connection, which the pool gives again."""
    if connection.info.get("synchronous", "FULL") != how:
        driver.execute(connection, f"PRAGMA synchronous={how}")
        connection.info["synchronous"] = how


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `writing` says
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: Any) -> None:
    """Switch on the log, which the file remembers. SQLite does not wait for this lock: we do."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


# A child made by fork must not use its parent's SQLite connections: it opens its own.
_engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()


def _forget_connections() -> None:
    for engine in list(_engines):
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)
