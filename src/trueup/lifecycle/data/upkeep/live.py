"""What refers to blobs: every text column of every table, whatever stage it belongs to.

A column counts unless it is listed here with the reason why it does not, so a new column cannot be
forgotten: the worst that can happen is that bytes are kept too long.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.data import manifest, table
from trueup.lifecycle.data.worktree.reading import SMALL
from trueup.ports.blobs import Blobs
from trueup.state.sql import full, sa

_MOST_NAMED: Final = 3
_CALLED: Final = {
    "runs": "run:{0}",
    "step_runs": "run:{0}",
    "step_attempts": "run:{0}",
    "model_versions": "{0}@{1}",
    "verdicts": "verdict:{0}",
}
_DIGEST: Final = re.compile(r"b3:[0-9a-f]{64}")

NO_REFERENCES: Final = {
    # An event says what was; a chain of evidence leads to its bytes through the other tables.
    ("events", "*"): "history: it names what once was",
    ("checkpoints", "*"): "signatures of the history",
    ("dataset_versions", "digest"): "those whose bytes are here are asked for by `held_roots`",
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
    ("run_texts", "*"): "words of clients",
    ("logged_model_points", "*"): "numbers",
    ("logged_model_params", "*"): "words of clients",
    ("logged_model_tags", "*"): "words of clients",
    ("model_tags", "*"): "words of clients",
    ("version_tags", "*"): "words of clients",
    ("passwords", "*"): "of people",
    ("tokens", "scopes"): "names of deployments",
    ("webhooks", "*"): "addresses of others, and what they answered",
    ("webhook_deliveries", "*"): "words for others",
    ("attestations", "*"): "words of people, and their digests",
    ("check_findings", "*"): "figures; a verdict names what they rest on",
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


OWNED: Final = {
    "runs": "id",
    "step_runs": "run",
    "step_attempts": "run",
}
"""Tables whose rows keep nothing alive once their run was forgotten, and where they name it."""


class Gone(NamedTuple):
    """What counts as if it were not there.

    Attributes:
        versions: Names and numbers of dataset versions.
        runs: Identifiers of runs.
        results: Keys of step results.
    """

    versions: Collection[tuple[str, int]] = ()
    runs: Collection[str] = ()
    results: Collection[str] = ()


ALL_THERE: Final = Gone()


def marked(connection: sa.Connection, blobs: Blobs, gone: Gone = ALL_THERE) -> dict[bytes, str]:
    """The key of every blob that something refers to, with the reason.

    Args:
        connection: The transaction to look in.
        blobs: The blobs.
        gone: What shall count as forgotten, beside what is.

    Raises:
        NotFoundError: The list of files of a version is missing, so nobody knows what it needs.
        BackendError: One is damaged.
    """
    live: dict[bytes, str] = {}
    held = table.held_roots(connection, gone.versions)
    forgotten = table.forgotten_roots(connection, even_if_named=True)
    forgotten |= _roots_of(connection, gone.versions)
    # The first reason stays: what both data versions and others need is counted as data.
    for digest in held:
        live[digests.key(digest)] = REASONS[table.dataset_versions.name]
    for reason, digest in (*roots(connection, gone), *followed(connection, blobs, gone)):
        if digest not in forgotten:
            live.setdefault(digests.key(digest), reason)
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


def naming(connection: sa.Connection, roots: Collection[str], gone: Gone) -> dict[str, list[str]]:
    """What names these manifests beside data versions: for each, the first few, for people."""
    found: dict[str, list[str]] = {}
    keys = sa.inspect(full(connection)).get_multi_pk_constraint()
    names = {name: keys[schema, name]["constrained_columns"] for schema, name in keys}
    for each, values in _rows(connection, gone, names):
        for digest in {digest for value in values[0] for digest in _DIGEST.findall(value)}:
            if digest in roots and len(named := found.setdefault(digest, [])) < _MOST_NAMED:
                called = _CALLED.get(each.name, each.name.replace("_", " ") + " {0}")
                if (name := called.format(*values[1])) not in named:
                    named.append(name)
    return found


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


def roots(connection: sa.Connection, gone: Gone = ALL_THERE) -> Iterator[tuple[str, str]]:
    """Every digest that stands in the database, with its reason."""
    for each, (texts, _key) in _rows(connection, gone, {}):
        reason = REASONS.get(each.name, each.name.replace("_", " "))
        for text in texts:
            for digest in _DIGEST.findall(text):
                yield reason, digest


def followed(
    connection: sa.Connection, blobs: Blobs, gone: Gone = ALL_THERE
) -> Iterator[tuple[str, str]]:
    """Every digest in the records that the database names, such as the files of a run's code."""
    forgotten = _forgotten_runs(connection) | {*gone.runs}
    for name, column in FOLLOWED:
        owner = sa.column(OWNED[name], sa.String)
        query = sa.select(sa.column(column, sa.Text), owner).select_from(sa.table(name))
        named = {
            digest for digest, run in connection.execute(query) if digest and run not in forgotten
        }
        for _digest, raw in blobs.get_many(sorted(named - blobs.missing(named))):
            for digest in _DIGEST.findall(raw.decode()):
                yield REASONS.get(name, name), digest


def _rows(
    connection: sa.Connection, gone: Gone, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[sa.TableClause, tuple[list[str], list[object]]]]:
    """All rows with a digest in a column that counts: those texts, and the columns of `names`."""
    runs = _forgotten_runs(connection) | {*gone.runs}
    for each in tables(connection):
        texts = [sa.cast(column, sa.Text) for column in text_columns(each)]
        if not texts:
            continue
        left_out: Collection[str] = ()
        owner: sa.ColumnElement[Any] = sa.null()
        if each.name in OWNED:
            owner, left_out = each.c[OWNED[each.name]], runs
        elif each.name == "step_cache":
            owner, left_out = each.c.key, gone.results
        called = [each.c[name] for name in names.get(each.name, ())]
        query = sa.select(owner, *texts, *called)
        query = query.where(sa.or_(*(text.like("%b3:%") for text in texts)))
        for row in connection.execute(query):
            if row[0] is None or row[0] not in left_out:
                end = 1 + len(texts)
                yield each, ([text for text in row[1:end] if text], [*row[end:]])


def _roots_of(connection: sa.Connection, versions: Collection[tuple[str, int]]) -> set[str]:
    found = (table.version(connection, *each) for each in versions)
    return {version.digest for version in found if version is not None}


def _forgotten_runs(connection: sa.Connection) -> set[str]:
    query = sa.select(sa.column("run", sa.String)).select_from(sa.table("forgotten_runs"))
    return set(connection.scalars(query))


def tables(connection: sa.Connection) -> list[sa.TableClause]:
    """All tables as the database itself knows them."""
    found = [
        sa.table(name, *(sa.column(column["name"], column["type"]) for column in columns))
        for (_schema, name), columns in sa.inspect(full(connection)).get_multi_columns().items()
    ]
    return sorted(found, key=lambda each: each.name)


def text_columns(table: sa.TableClause) -> list[sa.ColumnElement[object]]:
    """The columns of a table that may hold digests that keep something alive."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, sa.String | sa.JSON)
        and (table.name, "*") not in NO_REFERENCES
        and (table.name, column.name) not in NO_REFERENCES
    ]
