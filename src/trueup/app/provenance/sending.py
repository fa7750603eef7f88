"""Sending lineage: a reader of the event log tells a catalogue about every run, once or twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from trueup.app.provenance import openlineage
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, NotFoundError
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.pipeline.steps import connecting
from trueup.lifecycle.runs.records import Run
from trueup.state.cursors import Reader
from trueup.state.eventlog import Event

CONNECTION: Final = "lineage"
_ENDS: Final = ("run.finished", "run.failed", "run.interrupted", "run.lost")
_TYPES: Final = ("run.started", *_ENDS)


def pending(workspace: Workspace, actor: Actor) -> Iterator[tuple[Event, list[dict[str, Any]]]]:
    """What the catalogue was not told yet: each event of the log with its OpenLineage events."""
    project = workspace.plans.current(actor).plan.project.name
    for event in _reader(workspace).pending(_TYPES):
        yield event, list(_as_lineage(workspace, actor, project, event))


def send(workspace: Workspace, actor: Actor) -> int:
    """Tell the catalogue of `[connections.lineage]` what it was not told yet.

    Its place in the log moves on after each answer: what fails is sent again next time, and every
    event has an identifier that makes a second arrival harmless.

    Returns:
        How many events were sent.

    Raises:
        NotFoundError: trueup.toml has no such connection.
        BackendError: The catalogue cannot be reached, or refuses an event.
    """
    root = workspace.root
    url, token = connecting.address(root, CONNECTION)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    reader, sent = _reader(workspace), 0
    with connecting.outbound(root) as http:
        for event, told in pending(workspace, actor):
            for item in told:
                answer = http.request("POST", url, headers=headers, json=item)
                if answer.status >= 300:
                    raise BackendError(
                        "lineage-refused",
                        f"{answer.url} answered {answer.status} to an OpenLineage event.",
                        hint="trueup lineage send --dry-run",
                    )
                sent += 1
            reader.acknowledge(event.seq)
    return sent


def _as_lineage(
    workspace: Workspace, actor: Actor, project: str, event: Event
) -> Iterator[dict[str, Any]]:
    try:
        detail = workspace.runs.show(actor, event.subject.partition(":")[2])
    except NotFoundError:  # nothing is left to tell
        return
    data = _data(workspace, actor, detail.run)
    if event.type == "run.started":
        yield openlineage.started(project, detail.run, data)
        return
    versions = tuple(
        version
        for version in workspace.models.versions(actor, detail.run.model)
        if version.manifest.run == detail.run.id
    )
    yield from openlineage.ended(project, detail, data, versions)


def _data(workspace: Workspace, actor: Actor, run: Run) -> dict[str, DatasetVersion]:
    found = {}
    for name, digest in run.data.items():
        try:
            found[name] = workspace.datasets.show(actor, name, digest)
        except NotFoundError:
            continue
    return found


def _reader(workspace: Workspace) -> Reader:
    return Reader(workspace.state.database, "openlineage")
