"""What refers to blobs: every text column of every table, whatever stage it belongs to.

A column counts unless it is listed here with the reason why it does not, so a new column cannot be
forgotten: the worst that can happen is that bytes are kept too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.table import dataset_versions, held_roots
from trueup.lifecycle.data.worktree.reading import SMALL
from trueup.ports.blobs import Blobs

_DIGEST: Final = re.compile(r"b3:[0-9a-f]{64}")

NO_REFERENCES: Final = {
    # An event says what was; a chain of evidence leads to its bytes through the other tables.
    ("events", "*"): "history: it names what once was",
    ("checkpoints", "*"): "signatures of the history",
    ("step_cache", "key"): "the address of a call, not of bytes",
    ("step_cache", "components"): "what a key is made of; its inputs are outputs of other rows",
    ("run_outlines", "steps"): "names of steps, and values in words",
    ("step_runs", "key"): "the address of a call, not of bytes",
    ("step_runs", "why"): "words",
    ("points", "*"): "numbers",
    ("latest_points", "*"): "numbers",
    # Millions of rows, and words of clients: what they say keeps no bytes of ours.
    ("metric_names", "*"): "words of clients",
    ("run_params", "*"): "words of clients",
    ("run_tags", "*"): "words of clients",
    ("logged_model_points", "*"): "numbers",
    ("logged_model_params", "*"): "words of clients",
    ("logged_model_tags", "*"): "words of clients",
    ("model_tags", "*"): "words of clients",
    ("version_tags", "*"): "words of clients",
}
"""Columns whose digests keep nothing alive, and why."""

FOLLOWED: Final = (("runs", "source"),)
"""Columns that name records in blobs; what such a record names is needed as well."""

NO_TEXT: Final = {
    ("monitor_hours", "counts"): "numbers",
    ("monitor_index", "rows"): "numbers",
}
"""Binary columns, which are not searched, and what they hold instead of digests."""

REASONS: Final = {
    "dataset_versions": "data versions",
    "model_versions": "model versions",
    "verdicts": "verdicts",
    "step_cache": "step results kept for reuse",
    "step_runs": "outputs of runs",
    "runs": "runs",
    "tracked_files": "files of tracked runs and models",
}
"""What a table's references are called for people; others are called by the table's name."""


def marked(connection: sa.Connection, blobs: Blobs) -> dict[bytes, str]:
    """The key of every blob that something refers to, with the reason.

    Raises:
        NotFoundError: The list of files of a version is missing, so nobody knows what it needs.
        BackendError: One is damaged.
    """
    live: dict[bytes, str] = {}
    # The first reason stays: what both data versions and others need is counted as data.
    for reason, digest in roots(connection):
        live.setdefault(digests.key(digest), reason)
    for reason, digest in followed(connection, blobs):
        live.setdefault(digests.key(digest), reason)
    held = held_roots(connection)
    for root in (*sorted(held), *sorted({*_manifests(blobs, live)} - held)):
        reason = live[digests.key(root)]
        try:
            for digest in manifest.blobs_of(blobs, root):
                live.setdefault(digests.key(digest), reason)
        except NotFoundError:
            # Half-pulled versions and folders of steps can be had again; versions here cannot.
            if root in held:
                raise
    return live


def _manifests(blobs: Blobs, live: dict[bytes, str]) -> Iterator[str]:
    """Those of the blobs that are lists of files: of data versions, of folders between steps."""
    sizes = blobs.sizes(map(digests.of_key, live))
    small = [digest for digest, size in sizes.items() if size < SMALL]
    for digest, raw in blobs.get_many(small):
        if raw.startswith(manifest.MAGIC):
            yield digest
    for digest, size in sizes.items():
        if size >= SMALL:
            with blobs.local_path(digest).open("rb") as file:
                if file.read(len(manifest.MAGIC)) == manifest.MAGIC:
                    yield digest


def roots(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    """Every digest that stands in the database, with its reason."""
    for table in tables(connection):
        reason = REASONS.get(table.name, table.name.replace("_", " "))
        for column in text_columns(table):
            query = sa.select(sa.cast(column, sa.Text)).where(
                sa.cast(column, sa.Text).like("%b3:%")
            )
            for value in connection.execute(query).scalars():
                for digest in _DIGEST.findall(value):
                    yield reason, digest


def followed(connection: sa.Connection, blobs: Blobs) -> Iterator[tuple[str, str]]:
    """Every digest in the records that the database names, such as the files of a run's code."""
    for name, column in FOLLOWED:
        query = sa.select(sa.column(column, sa.Text)).select_from(sa.table(name)).distinct()
        named = {digest for digest in connection.execute(query).scalars() if digest}
        for _digest, raw in blobs.get_many(sorted(named - blobs.missing(named))):
            for digest in _DIGEST.findall(raw.decode()):
                yield REASONS.get(name, name), digest


def tables(connection: sa.Connection) -> list[sa.TableClause]:
    """All tables as the database itself knows them, data versions first."""
    found = [
        sa.table(name, *(sa.column(column["name"], column["type"]) for column in columns))
        for (_schema, name), columns in sa.inspect(connection).get_multi_columns().items()
    ]
    return sorted(found, key=lambda table: (table.name != dataset_versions.name, table.name))


def text_columns(table: sa.TableClause) -> list[sa.ColumnElement[object]]:
    """The columns of a table that may hold digests that keep something alive."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, sa.String | sa.JSON)
        and (table.name, "*") not in NO_REFERENCES
        and (table.name, column.name) not in NO_REFERENCES
    ]
