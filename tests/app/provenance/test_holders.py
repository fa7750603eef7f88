"""From a digest, a commit or an event to the things behind it."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.app.provenance.why import explain
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.data import manifest


def refs(desk: Any, reference: str) -> dict[str, list[str]]:
    found = explain(desk.workspace, desk.workspace.owner, reference)
    by_relation: dict[str, list[str]] = {}
    for child in found.children:
        by_relation.setdefault(child.relation, []).append(child.ref)
    return by_relation


def test_the_bytes_of_a_model_lead_to_its_version_and_its_step(desk: Any) -> None:
    version = desk.workspace.models.show(desk.workspace.owner, "small", "1")
    found = refs(desk, version.manifest.file)
    assert found["the file of"] == ["small@1"]
    assert f"run:{version.manifest.run}" in found["made in"]
    assert refs(desk, version.digest[:20])["the manifest of"] == ["small@1"]


def test_a_file_of_a_dataset_is_found_below_its_version(desk: Any) -> None:
    data = desk.workspace.datasets.show(desk.workspace.owner, "rows", "1")
    (entry,) = manifest.entries(desk.workspace.state.blobs, data.digest)
    assert refs(desk, entry.digest)["held by"] == ["data:rows@1"]
    assert refs(desk, data.digest)["the files of"] == ["data:rows@1"]


def test_a_commit_leads_to_runs_and_what_they_made(desk: Any) -> None:
    run = desk.workspace.runs.show(
        desk.workspace.owner,
        desk.workspace.models.show(desk.workspace.owner, "small", "1").manifest.run,
    ).run
    found = explain(desk.workspace, desk.workspace.owner, f"commit:{run.commit[:8]}")
    assert run.ref in [child.ref for child in found.children]
    made = [made.ref for child in found.children for made in child.children]
    assert "small@1" in made and found.facts["commit"] == run.commit


def test_an_event_leads_to_what_it_happened_to(desk: Any) -> None:
    with desk.workspace.state.read(desk.workspace.owner) as connection:
        from trueup.state import eventlog

        event = eventlog.since(connection, 0, ("run.finished",))[0]
    assert refs(desk, f"event:{event.id}")["about"] == [event.subject]


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("b3:" + "0" * 64, NotFoundError),
        ("commit:0000000", NotFoundError),
        ("event:nothing", NotFoundError),
        ("b3:ab", UsageError),
        ("commit:ab", UsageError),
    ],
)
def test_what_leads_nowhere_says_so(desk: Any, reference: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        explain(desk.workspace, desk.workspace.owner, reference)
