"""The SQL of dataset versions and branches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

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
)

if TYPE_CHECKING:
    import sqlalchemy as sa

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
_AT_ONCE: Final = 500  # values in one statement
_GONE: Final = """
    SELECT 1 FROM forgotten_versions AS f WHERE f.dataset = v.name AND f.version = v.version
"""


class Held(NamedTuple):
    """A version whose bytes are here, and what remotes call it, if one knows it."""

    version: DatasetVersion
    record: str


def insert(connection: sa.Connection, new: DatasetVersion) -> None:
    """Keep a version."""
    driver.insert(connection, dataset_versions, [builtins(new) | {"taken_at": new.taken_at}])


def point(connection: sa.Connection, dataset: str, branch: str, version: int) -> None:
    """Make a version the newest of a branch; the branch is made if there is none."""
    sql = """
        INSERT INTO dataset_branches (dataset, branch, version) VALUES (?, ?, ?)
        ON CONFLICT (dataset, branch) DO UPDATE SET version = excluded.version
    """
    driver.execute(connection, sql, (dataset, branch, version))


def drop_branch(connection: sa.Connection, dataset: str, branch: str) -> None:
    """Forget a branch; its versions stay."""
    sql = "DELETE FROM dataset_branches WHERE dataset = ? AND branch = ?"
    driver.execute(connection, sql, (dataset, branch))


def branches(connection: sa.Connection, dataset: str) -> list[Branch]:
    """The branches of a dataset, by name."""
    rest = "WHERE dataset = ? ORDER BY branch"
    return driver.records(connection, Branch, dataset_branches, rest, dataset)


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
    rest = "WHERE name = ? AND version = ?"
    return driver.record(connection, DatasetVersion, dataset_versions, rest, name, number)


def with_digest(connection: sa.Connection, name: str, digest: str) -> DatasetVersion | None:
    """The newest version of a dataset whose digest starts so."""
    rest = "WHERE name = ? AND substr(digest, 1, ?) = ? ORDER BY version DESC LIMIT 1"
    return driver.record(
        connection, DatasetVersion, dataset_versions, rest, name, len(digest), digest
    )


def versions(connection: sa.Connection, name: str) -> list[DatasetVersion]:
    """All versions of a dataset, newest first."""
    rest = "WHERE name = ? ORDER BY version DESC"
    return driver.records(connection, DatasetVersion, dataset_versions, rest, name)


def parents(connection: sa.Connection, name: str) -> dict[int, tuple[int, ...]]:
    """The parents of every version of a dataset."""
    sql = "SELECT version, parents FROM dataset_versions WHERE name = ?"
    found = dataset_versions.declared["parents"].found
    return {row[0]: tuple(found(row[1])) for row in driver.execute(connection, sql, (name,))}


def names(connection: sa.Connection) -> list[str]:
    """The datasets that have a version."""
    sql = "SELECT DISTINCT name FROM dataset_versions ORDER BY name"
    return [name for (name,) in driver.execute(connection, sql)]


def records(connection: sa.Connection, dataset: str) -> dict[int, str]:
    """The digests of the records of versions that remotes know."""
    sql = "SELECT version, record FROM dataset_records WHERE dataset = ?"
    return dict(driver.execute(connection, sql, (dataset,)))


def note_record(
    connection: sa.Connection, dataset: str, version: int, record: str, *, is_held: bool
) -> None:
    """Remember what remotes call a version, and whether its bytes are here."""
    values = {"dataset": dataset, "version": version, "record": record, "is_held": is_held}
    driver.insert(connection, dataset_records, [values])


def note_held(connection: sa.Connection, dataset: str, version: int) -> bool:
    """Remember that a version's bytes are here now; False if that was known."""
    known = version not in elsewhere(connection, dataset)
    where = "WHERE dataset = ? AND version = ?"
    driver.update(connection, dataset_records, {"is_held": True}, where, dataset, version)
    remember(connection, dataset, version)
    return not known


def forget(connection: sa.Connection, gone: Forgotten) -> None:
    """Count the bytes of a version as needed no more."""
    driver.insert(connection, forgotten_versions, [builtins(gone) | {"at": gone.at}])


def remember(connection: sa.Connection, dataset: str, version: int) -> bool:
    """Count the bytes of a version as needed again; False if they are anyway."""
    is_forgotten = version in forgotten(connection, dataset)
    sql = "DELETE FROM forgotten_versions WHERE dataset = ? AND version = ?"
    driver.execute(connection, sql, (dataset, version))
    return is_forgotten


def forgotten(connection: sa.Connection, dataset: str) -> dict[int, Forgotten]:
    """The versions of a dataset whose bytes may go, by number."""
    rest = "WHERE dataset = ?"
    found = driver.records(connection, Forgotten, forgotten_versions, rest, dataset)
    return {each.version: each for each in found}


def elsewhere(connection: sa.Connection, dataset: str) -> set[int]:
    """The versions of which only the name is here for sure: pulled without bytes, or forgotten."""
    sql = "SELECT version FROM dataset_records WHERE dataset = ? AND NOT is_held"
    named = {number for (number,) in driver.execute(connection, sql, (dataset,))}
    return {*named, *forgotten(connection, dataset)}


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
    sql = f"""
        SELECT name, version, digest FROM dataset_versions AS v WHERE NOT EXISTS (
            SELECT 1 FROM dataset_records AS r
            WHERE r.dataset = v.name AND r.version = v.version AND NOT r.is_held
        ) AND NOT EXISTS ({_GONE})
    """
    found = driver.execute(connection, sql)
    return {digest for name, number, digest in found if (name, number) not in without}


def forgotten_roots(connection: sa.Connection, *, even_if_named: bool = False) -> set[str]:
    """The manifests of forgotten versions; or only of those that go though they are named."""
    gone = f"{_GONE} AND f.even_if_named" if even_if_named else _GONE
    sql = f"SELECT digest FROM dataset_versions AS v WHERE EXISTS ({gone})"
    return {digest for (digest,) in driver.execute(connection, sql)}


def newest_of_each(connection: sa.Connection) -> list[DatasetVersion]:
    """The newest version of every dataset, by name."""
    newest = "SELECT name, max(version) FROM dataset_versions GROUP BY name"
    rest = f"WHERE (name, version) IN ({newest}) ORDER BY name"
    return driver.records(connection, DatasetVersion, dataset_versions, rest)


def with_digests(connection: sa.Connection, wanted: Iterable[str]) -> list[DatasetVersion]:
    """All versions with one of these addresses."""
    found: list[DatasetVersion] = []
    rest = iter(wanted)
    while some := tuple(islice(rest, _AT_ONCE)):
        where = f"WHERE digest IN ({driver.marks(len(some))})"
        found += driver.records(connection, DatasetVersion, dataset_versions, where, *some)
    return found
