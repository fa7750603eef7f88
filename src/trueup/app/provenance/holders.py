"""What holds some bytes, what was made from a commit, what an event led to: `why` for addresses.

A digest names bytes, not a thing; the things that hold them are the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import sqlalchemy as sa

from trueup.app.provenance import lineage
from trueup.app.provenance.lineage import Node, node, related
from trueup.foundation import digests
from trueup.foundation.digests import PREFIX
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.references import Reference
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data import table as data_table
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.runs import table as runs
from trueup.ports.blobs import Blobs
from trueup.state.eventlog import Event, of_id

KINDS: Final = ("b3", "commit", "event")
_MOST: Final = 50
_LEAST_DIGITS: Final = 6
_FILES: Final = ("file", "trained_on", "holdout", "reference", "source", "environment", "code")


def explain(connection: sa.Connection, blobs: Blobs, ref: Reference) -> Node:
    """The things behind a digest, a commit or an event.

    Raises:
        NotFoundError: Nothing holds it.
        UsageError: It is too short to name one thing.
    """
    kinds: dict[str, Callable[[], Node]] = {
        "b3": lambda: _bytes(connection, blobs, PREFIX + ref.name),
        "commit": lambda: _commit(connection, ref.name),
        "event": lambda: _event(connection, ref.name),
    }
    if ref.kind != "event" and len(ref.name) < _LEAST_DIGITS:
        raise UsageError(
            "reference-malformed",
            f"'{ref.name}' is too short: give at least {_LEAST_DIGITS} digits.",
            hint="trueup explain reference-malformed",
        )
    return kinds[ref.kind]()


def _bytes(connection: sa.Connection, blobs: Blobs, digest: str) -> Node:
    found = [*_of_data(connection, blobs, digest), *_of_models(connection, digest)]
    found += _of_runs(connection, digest)
    if not found:
        raise NotFoundError(
            "thing-not-found",
            f"Nothing here holds {digests.short(digest)}.",
            hint="trueup data list",
        )
    facts = {"digest": digest}
    if len(digest) == len(digests.of_bytes(b"")) and blobs.has(digest):
        facts["size"] = f"{blobs.size(digest):,} bytes"
    return node("bytes", digest, facts, *found[:_MOST])


def _of_data(connection: sa.Connection, blobs: Blobs, digest: str) -> Iterator[Node]:
    for name in data_table.names(connection):
        for version in data_table.versions(connection, name):
            label = f"data snapshot of {name}"
            facts = lineage.of_dataset(version)
            if version.digest.startswith(digest):
                yield related("the files of", node(label, version.ref, facts))
            elif len(digest) == len(version.digest) and manifest.held(
                blobs, [version.digest], {digest}
            ):
                yield related("held by", node(label, version.ref, facts))


def _of_models(connection: sa.Connection, digest: str) -> Iterator[Node]:
    for name in model_table.models(connection):
        for version in model_table.versions(connection, name):
            for part in _parts(version, digest):
                child = node(
                    f"model version {version.ref}", version.ref, lineage.of_version(version)
                )
                yield related(f"the {part} of", child)


def _parts(version: ModelVersion, digest: str) -> list[str]:
    if version.digest.startswith(digest):
        return ["manifest"]
    values = {name: getattr(version.manifest, name, "") for name in _FILES}
    return [
        name.replace("_", " ")
        for name, value in values.items()
        if isinstance(value, str) and value.startswith(digest)
    ]


def _of_runs(connection: sa.Connection, digest: str) -> Iterator[Node]:
    steps = runs.step_runs
    query = (
        sa.select(steps.c.run, steps.c.step, steps.c.place, steps.c.cached)
        .where(sa.cast(steps.c.outputs, sa.Text).contains(digest, autoescape=True))
        .order_by(steps.c.cached, steps.c.started_at.desc())
        .limit(_MOST)
    )
    for row in connection.execute(query):
        relation = "reused in" if row.cached else "made in"
        facts = {"called at": row.place}
        yield related(relation, node(f"step '{row.step}' of a run", f"run:{row.run}", facts))
    columns = (runs.runs.c.code, runs.runs.c.environment)
    where = sa.or_(*(column.startswith(digest, autoescape=True) for column in columns))
    query_runs = sa.select(runs.runs.c.id, runs.runs.c.pipeline).where(where).limit(_MOST)
    for run_id, pipeline in connection.execute(query_runs):
        yield related("code or environment of", node(f"run of {pipeline}", f"run:{run_id}", {}))


def _commit(connection: sa.Connection, commit: str) -> Node:
    query = (
        sa.select(runs.runs.c.id)
        .where(runs.runs.c.commit.startswith(commit, autoescape=True))
        .order_by(runs.runs.c.started_at.desc())
        .limit(_MOST)
    )
    found = [runs.run(connection, run_id) for run_id in connection.execute(query).scalars()]
    children = []
    for run in found:
        if run is not None:
            made = [
                related("made", node(f"model version {v.ref}", v.ref, lineage.of_version(v)))
                for v in model_table.of_run(connection, run.id)
            ]
            label = f"run of {run.pipeline}"
            children.append(related("ran in", node(label, run.ref, lineage.of_run(run), *made)))
    if not children or found[0] is None:
        raise NotFoundError(
            "thing-not-found",
            f"No run was made from a commit that begins with {commit}.",
            hint="trueup runs list",
        )
    whole = found[0].commit
    return node(f"commit {whole[:12]}", f"commit:{whole}", {"commit": whole}, *children)


def _event(connection: sa.Connection, event_id: str) -> Node:
    event = of_id(connection, event_id)
    if event is None:
        raise NotFoundError(
            "thing-not-found", f"There is no event '{event_id}'.", hint="trueup audit log"
        )
    children = [Node(label="what it happened to", ref=event.subject, relation="about")]
    for cause in (event.id, f"event:{event.id}"):
        for run in runs.caused_by(connection, cause):
            child = node(f"run of {run.pipeline}", run.ref, lineage.of_run(run))
            children.append(related("led to", child))
    return node(event.type, f"event:{event.id}", _facts(event), *children)


def _facts(event: Event) -> dict[str, str]:
    return {
        "at": f"{event.at:%Y-%m-%d %H:%M:%S}",
        "by": event.actor + (f" for {event.on_behalf_of}" if event.on_behalf_of else ""),
        "why": event.why,
        "before": event.before,
        "after": event.after,
    }
