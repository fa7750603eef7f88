"""A PostgreSQL server of one's own, on a socket in a folder: for tests against the real thing."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

_PLACES = "/usr/lib/postgresql"
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",  # what it holds is thrown away
    "full_page_writes": "off",
    "max_connections": "200",
}


def programs() -> Path | None:
    """The folder of the newest server's programs on this machine, if there is one."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = [p for p in Path(_PLACES).glob("*/bin") if (p / "initdb").exists()]
    return max(versions, key=lambda place: float(place.parent.name), default=None)


class PostgresqlServer:
    """A server that lives as long as the block; it listens on no port.

    It refuses to run as root: then it runs as the user `postgres`, or as `nobody`.
    """

    def __enter__(self) -> Self:
        """Make a cluster and start it."""
        place = programs()
        if place is None:
            raise FileNotFoundError(f"no PostgreSQL below {_PLACES}")
        self._programs = place
        self._user = _user()
        self._folder = Path(tempfile.mkdtemp(prefix="trueup-pg-"))
        self._number = count()
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        options = ["--username=owner", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", f"--pgdata={self._folder / 'data'}", *options)
        settings = {**_SETTINGS, "unix_socket_directories": str(self._folder)}
        said = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._control("start", "--wait", f"--log={self._folder / 'log'}", f"--options={said}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and remove all that it held."""
        self._control("stop", "--wait", "--mode=immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self, template: str = "template1") -> str:
        """The URL of a new database, which is a copy of another one's."""
        import sqlalchemy as sa

        name = f"t{next(self._number)}_{os.getpid()}"
        source = sa.make_url(template).database if "://" in template else template
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {source}"))
        engine.dispose()
        return self.url(name)

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        return f"postgresql+psycopg://owner@/{database}?host={self._folder}"

    def _control(self, *words: str) -> None:
        self._run("pg_ctl", f"--pgdata={self._folder / 'data'}", *words)

    def _run(self, program: str, *words: str) -> None:
        user = self._user
        subprocess.run(  # noqa: S603 (our own words)
            [str(self._programs / program), *words],
            cwd=self._folder,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )


def _user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
