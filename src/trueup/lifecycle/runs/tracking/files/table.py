"""The SQL of tracked files. A folder is there as long as something lies in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.files.rules import parts
from trueup.state.schema import BigInteger, Column, Moment, String, Table, upsert

tracked_files = Table(
    "tracked_files",
    Column("folder", String(1000), primary_key=True),
    Column("name", String(1000), primary_key=True),
    # Empty for a folder.
    Column("digest", String(80), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)


class Listed(NamedTuple):
    """Something in a folder.

    Attributes:
        name: The last part of its path.
        digest: Of its bytes; empty for a folder.
        size: In bytes; 0 for a folder.
    """

    name: str
    digest: str
    size: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return not self.digest


def find(connection: sa.Connection, path: str) -> Listed | None:
    """What has this path."""
    folder, name = parts(path)
    columns = tracked_files.c
    query = sa.select(columns.name, columns.digest, columns.size).where(
        columns.folder == folder, columns.name == name
    )
    row = connection.execute(query).first()
    return None if row is None else Listed(*row)


def inside(
    connection: sa.Connection, folder: str, limit: int | None = None, after: str = ""
) -> list[Listed]:
    """What lies in a folder, by name; `after` is the last name of the page before."""
    columns = tracked_files.c
    query = (
        sa.select(columns.name, columns.digest, columns.size)
        .where(columns.folder == folder, columns.name > after)
        .order_by(columns.name)
        .limit(limit)
    )
    return [Listed(*row) for row in connection.execute(query)]


def below(connection: sa.Connection, folder: str) -> list[tuple[str, Listed]]:
    """All files below a folder, however deep, with their paths relative to it, by path."""
    columns = tracked_files.c
    query = sa.select(columns.folder, columns.name, columns.digest, columns.size).where(
        _is_below(folder), columns.digest != ""
    )
    found = []
    for its_folder, name, digest, size in connection.execute(query):
        path = f"{its_folder}/{name}"[len(folder) + 1 :]
        found.append((path, Listed(name, digest, size)))
    return sorted(found)


def put(connection: sa.Connection, path: str, digest: str, size: int, at: Any) -> None:
    """Write a file's row, and those of its folders, over what was there."""
    folder, name = parts(path)
    row = {"folder": folder, "name": name, "digest": digest, "size": size, "at": at}
    upsert(connection, tracked_files, [row], key=("folder", "name"))
    above = []
    while folder:
        folder, name = parts(folder)
        above.append({"folder": folder, "name": name, "digest": "", "size": 0, "at": at})
    if above:
        upsert(connection, tracked_files, above, key=("folder", "name"), replace=False)


def remove(connection: sa.Connection, path: str) -> int:
    """Remove a file or a folder with all in it; how many files there were."""
    folder, name = parts(path)
    columns = tracked_files.c
    here = (columns.folder == folder) & (columns.name == name)
    count = sa.select(sa.func.count()).where(_is_below(path) | here, columns.digest != "")
    found: int = connection.execute(count).scalar_one()
    connection.execute(tracked_files.delete().where(_is_below(path) | here))
    while folder and not inside(connection, folder, limit=1):
        folder, name = parts(folder)
        connection.execute(
            tracked_files.delete().where(columns.folder == folder, columns.name == name)
        )
    return found


def _is_below(folder: str) -> sa.ColumnElement[bool]:
    column = tracked_files.c.folder
    if not folder:
        return sa.true()
    # The range of all texts that begin with `folder/`; '0' follows '/'.
    return (column == folder) | ((column >= f"{folder}/") & (column < f"{folder}0"))
