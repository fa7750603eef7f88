"""Files that clients write by themselves are looked into and kept when they become a version."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import skops.io

from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import toml
from trueup.foundation.errors import GateFailedError
from trueup.lifecycle.models.records import Manifest
from trueup.lifecycle.plan.records import Plan

from .conftest import Client
from .test_judging import PLAN, SIGNATURE, crown, judge, model


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A project whose server reads a folder that clients write to."""
    (home.parent / "trueup.toml").write_text(PLAN)
    root = (home.parent / "artifacts").as_uri()
    with open_workspace(home.parent, artifacts=root) as opened:
        opened.__dict__["owner"] = opened.people.found("olga")
        opened.plans.adopt(opened.owner, toml.parse(PLAN, "trueup.toml", Plan))
        yield opened


def registered(client: Client, workspace: Workspace, files: dict[str, bytes]) -> Manifest:
    """The manifest of a version whose files a client wrote into its run's folder."""
    info = client.post("runs/create", experiment_id="0")["run"]["info"]
    folder = Path(info["artifact_uri"].removeprefix("file://")) / "model"
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    client.post("registered-models/create", name="trees")
    source = f"{info['artifact_uri']}/model"
    client.post("model-versions/create", name="trees", source=source, run_id=info["run_id"])
    return workspace.models.show(workspace.owner, "trees").manifest


def sound(client: Client, workspace: Workspace) -> Manifest:
    files = {"model.skops": skops.io.dumps(model()), "MLmodel": SIGNATURE, "more/notes.md": b"-"}
    return registered(client, workspace, files)


def test_they_are_looked_into_and_may_become_champion(client: Client, workspace: Workspace) -> None:
    manifest = sound(client, workspace)
    assert manifest.foreign is not None
    paths = [file.path for file in manifest.foreign.files]
    assert paths == ["MLmodel", "model.skops", "more/notes.md"]
    assert (manifest.format, manifest.quarantined) == ("skops", "")
    assert judge(workspace).passed
    assert crown(client).status_code == 200


def test_what_is_judged_is_what_was_registered(client: Client, workspace: Workspace) -> None:
    manifest = sound(client, workspace)
    for file in (workspace.root / "artifacts").rglob("model.skops"):
        file.write_bytes(b"something else")
    assert judge(workspace).passed
    assert workspace.state.blobs.get(manifest.file).startswith(b"PK")


def test_a_pickle_among_them_is_quarantined(client: Client, workspace: Workspace) -> None:
    files = {"data/model.pkl": pickle.dumps(model()), "MLmodel": SIGNATURE}
    assert registered(client, workspace, files).quarantined == "'data/model.pkl' is a pickle"


def test_a_link_out_of_the_folder_is_not_followed(
    client: Client, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "secret.skops").write_bytes(skops.io.dumps(model()))
    info = client.post("runs/create", experiment_id="0")["run"]["info"]
    folder = Path(info["artifact_uri"].removeprefix("file://")) / "model"
    folder.mkdir(parents=True)
    (folder / "model.skops").symlink_to(tmp_path / "secret.skops")
    client.post("registered-models/create", name="trees")
    source = f"{info['artifact_uri']}/model"
    client.post("model-versions/create", name="trees", source=source, run_id=info["run_id"])
    with pytest.raises(GateFailedError) as caught:
        judge(workspace)
    assert caught.value.code == "model-not-inspected"


def test_a_folder_elsewhere_is_not_looked_into(client: Client, workspace: Workspace) -> None:
    client.post("registered-models/create", name="trees")
    client.post("model-versions/create", name="trees", source="s3://bucket/model")
    assert crown(client).status_code == 403
    assert "where this server does not look" in crown(client).json()["message"]
