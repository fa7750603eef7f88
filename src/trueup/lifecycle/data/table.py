"""The SQL of dataset versions and branches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from trueup.foundation.records import builtins
from trueup.lifecycle.data.records import Branch, DatasetVersion, Forgotten
from trueup.state import driver
from trueup.state.schema import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    Json,
    Moment,
    String,
    Table,
    Text,
    row_as,
)
from trueup.state.sql import sa

dataset_versions = Table(
    "dataset_versions",
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("is_file", Boolean, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("rows", BigInteger),
    Column("columns", Json, nullable=False),
    Column("branch", String(100), nullable=False),
    Column("parents", Json, nullable=False),
    Column("message", Text, nullable=False),
    Column("taken_by", String(100), nullable=False),
    Column("taken_at", Moment, nullable=False),
)

dataset_branches = Table(
    "dataset_branches",
    Column("dataset", String(100), primary_key=True),
    Column("branch", String(100), primary_key=True),
    Column("version", Integer, nullable=False),
)
# The digest of what remotes say of a version, for those that went to one or came from one.
dataset_records = Table(
    "dataset_records",
    Column("dataset", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("record", String(80), nullable=False),
    # False for a version of which only the name was pulled.
    Column("is_held", Boolean, nullable=False),
)
# Versions that somebody said are not needed: a collector may take their bytes.
forgotten_versions = Table(
    "forgotten_versions",
    Column("dataset", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("by", String(100), nullable=False),
    Column("at", Moment, nullable=False),
    Column("why", Text, nullable=False),
    Column("even_if_named", Boolean, nullable=False),
)
_t = dataset_versions.c
_r = dataset_records.c
_b = dataset_branches.c
_f = forgotten_versions.c


class Held(NamedTuple):
    """A version whose bytes are here, and what remotes call it, if one knows it."""

    version: DatasetVersion
    record: str


def insert(connection: sa.Connection, new: DatasetVersion) -> None:
    """Keep a version."""
    values = builtins(new) | {"taken_at": new.taken_at}
    connection.execute(dataset_versions.insert().values(**values))


def point(connection: sa.Connection, dataset: str, branch: str, version: int) -> None:
    """Make a version the newest of a branch; the branch is made if there is none."""
    where = (_b.dataset == dataset, _b.branch == branch)
    moved = connection.execute(dataset_branches.update().where(*where).values(version=version))
    if moved.rowcount == 0:
        connection.execute(
            dataset_branches.insert().values(dataset=dataset, branch=branch, version=version)
        )


def drop_branch(connection: sa.Connection, dataset: str, branch: str) -> None:
    """Forget a branch; its versions stay."""
    connection.execute(dataset_branches.delete().where(_b.dataset == dataset, _b.branch == branch))


def branches(connection: sa.Connection, dataset: str) -> list[Branch]:
    """The branches of a dataset, by name."""
    query = sa.select(dataset_branches).where(_b.dataset == dataset).order_by(_b.branch)
    return [row_as(Branch, row) for row in connection.execute(query)]


def head(connection: sa.Connection, dataset: str, branch: str) -> DatasetVersion | None:
    """The newest version on a branch."""
    newest = "SELECT version FROM dataset_branches WHERE dataset = ? AND branch = ?"
    rest = f"WHERE name = ? AND version = ({newest})"
    return driver.record(
        connection, DatasetVersion, dataset_versions, rest, dataset, dataset, branch
    )


def latest(connection: sa.Connection, name: str) -> DatasetVersion | None:
    """The newest version of a dataset, on any branch."""
    rest = "WHERE name = ? ORDER BY version DESC LIMIT 1"
    return driver.record(connection, DatasetVersion, dataset_versions, rest, name)


def version(connection: sa.Connection, name: str, number: int) -> DatasetVersion | None:
    """One version by number."""
    return _one(
        connection, sa.select(dataset_versions).where(_t.name == name, _t.version == number)
    )


def with_digest(connection: sa.Connection, name: str, digest: str) -> DatasetVersion | None:
    """The newest version of a dataset whose digest starts so."""
    query = sa.select(dataset_versions).where(
        _t.name == name, _t.digest.startswith(digest, autoescape=True)
    )
    return _one(connection, query.order_by(_t.version.desc()).limit(1))


def versions(connection: sa.Connection, name: str) -> list[DatasetVersion]:
    """All versions of a dataset, newest first."""
    query = sa.select(dataset_versions).where(_t.name == name).order_by(_t.version.desc())
    return _all(connection, query)


def parents(connection: sa.Connection, name: str) -> dict[int, tuple[int, ...]]:
    """The parents of every version of a dataset."""
    query = sa.select(_t.version, _t.parents).where(_t.name == name)
    return {number: tuple(found) for number, found in connection.execute(query)}


def names(connection: sa.Connection) -> list[str]:
    """The datasets that have a version."""
    return list(connection.scalars(sa.select(_t.name).distinct().order_by(_t.name)))


def records(connection: sa.Connection, dataset: str) -> dict[int, str]:
    """The digests of the records of versions that remotes know."""
    query = sa.select(_r.version, _r.record).where(_r.dataset == dataset)
    return {row.version: row.record for row in connection.execute(query)}


def note_record(
    connection: sa.Connection, dataset: str, version: int, record: str, *, is_held: bool
) -> None:
    """Remember what remotes call a version, and whether its bytes are here."""
    values = {"dataset": dataset, "version": version, "record": record, "is_held": is_held}
    connection.execute(dataset_records.insert().values(**values))


def note_held(connection: sa.Connection, dataset: str, version: int) -> bool:
    """Remember that a version's bytes are here now; False if that was known."""
    where = (_r.dataset == dataset, _r.version == version, ~_r.is_held)
    arrived = connection.execute(dataset_records.update().where(*where).values(is_held=True))
    return remember(connection, dataset, version) or bool(arrived.rowcount)


def forget(connection: sa.Connection, gone: Forgotten) -> None:
    """Count the bytes of a version as needed no more."""
    connection.execute(forgotten_versions.insert().values(**builtins(gone) | {"at": gone.at}))


def remember(connection: sa.Connection, dataset: str, version: int) -> bool:
    """Count the bytes of a version as needed again; False if they are anyway."""
    where = (_f.dataset == dataset, _f.version == version)
    return bool(connection.execute(forgotten_versions.delete().where(*where)).rowcount)


def forgotten(connection: sa.Connection, dataset: str) -> dict[int, Forgotten]:
    """The versions of a dataset whose bytes may go, by number."""
    query = sa.select(forgotten_versions).where(_f.dataset == dataset)
    return {row.version: row_as(Forgotten, row) for row in connection.execute(query)}


def elsewhere(connection: sa.Connection, dataset: str) -> set[int]:
    """The versions of which only the name is here for sure: pulled without bytes, or forgotten."""
    query = sa.select(_r.version).where(_r.dataset == dataset, ~_r.is_held)
    return {*connection.scalars(query), *forgotten(connection, dataset)}


def held(connection: sa.Connection, dataset: str) -> list[Held]:
    """The versions of a dataset whose bytes are here, oldest first, with their records."""
    away, known = elsewhere(connection, dataset), records(connection, dataset)
    return [
        Held(each, known.get(each.version, ""))
        for each in reversed(versions(connection, dataset))
        if each.version not in away
    ]


def held_roots(connection: sa.Connection, without: Collection[tuple[str, int]] = ()) -> set[str]:
    """The manifests of all versions whose bytes are here; `without` are names and numbers."""
    away = sa.and_(_r.dataset == _t.name, _r.version == _t.version, ~_r.is_held)
    gone = sa.and_(_f.dataset == _t.name, _f.version == _t.version)
    query = sa.select(_t.name, _t.version, _t.digest).where(
        ~sa.exists().where(away), ~sa.exists().where(gone)
    )
    return {row.digest for row in connection.execute(query) if (row[0], row[1]) not in without}


def forgotten_roots(connection: sa.Connection, *, even_if_named: bool = False) -> set[str]:
    """The manifests of forgotten versions; or only of those that go though they are named."""
    here = sa.and_(_f.dataset == _t.name, _f.version == _t.version)
    if even_if_named:
        here = sa.and_(here, _f.even_if_named)
    return set(connection.scalars(sa.select(_t.digest).where(sa.exists().where(here))))


def newest_of_each(connection: sa.Connection) -> list[DatasetVersion]:
    """The newest version of every dataset, by name."""
    newest = "SELECT name, max(version) FROM dataset_versions GROUP BY name"
    rest = f"WHERE (name, version) IN ({newest}) ORDER BY name"
    return driver.records(connection, DatasetVersion, dataset_versions, rest)


def with_digests(connection: sa.Connection, wanted: Iterable[str]) -> list[DatasetVersion]:
    """All versions with one of these addresses."""
    return _all(connection, sa.select(dataset_versions).where(_t.digest.in_(list(wanted))))


def _one(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> DatasetVersion | None:
    row = connection.execute(query).first()
    return None if row is None else row_as(DatasetVersion, row)


def _all(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[DatasetVersion]:
    return [row_as(DatasetVersion, row) for row in connection.execute(query)]
