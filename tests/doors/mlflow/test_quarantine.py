"""What a client registers is looked into: pickles are kept, never loaded; signatures are read."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from trueup.app.wiring import Workspace
from trueup.foundation import toml
from trueup.foundation.errors import DeniedError, TrueupError
from trueup.lifecycle.models.records import Column, Manifest
from trueup.lifecycle.models.service import load_file
from trueup.lifecycle.plan.records import Plan
from trueup.state import eventlog

from .conftest import PLAN, Client

ML_MODEL = """\
artifact_path: model
flavors:
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}
signature:
  inputs: '[{"type": "double", "name": "a", "required": true},
    {"type": "string", "name": "b", "required": false}]'
  outputs: '[{"type": "long", "required": true}]'
"""


class Bomb:
    """Unpickling it would write a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> Any:
        import os

        return os.makedirs, (self.canary,)


def registered(client: Client, workspace: Workspace, **files: bytes) -> Manifest:
    """The manifest of a version whose files a client uploaded below a run."""
    run = client.post("runs/create", experiment_id="0")["run"]
    for name, raw in files.items():
        path = f"0/{run['info']['run_id']}/artifacts/model/{name.replace('__', '.')}"
        url = f"http://localhost/api/2.0/mlflow-artifacts/artifacts/{path}"
        assert client.ask("PUT", url, content=raw).status_code == 200
    if client.ask("GET", "registered-models/get", params={"name": "trees"}).status_code == 404:
        client.post("registered-models/create", name="trees")
    client.post(
        "model-versions/create",
        name="trees",
        source=f"{run['info']['artifact_uri']}/model",
        run_id=run["info"]["run_id"],
    )
    manifest = workspace.models.show(workspace.owner, "trees").manifest
    assert manifest.foreign is not None
    assert len(manifest.foreign.files) == len(files)
    return manifest


def model() -> Any:
    return LogisticRegression().fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("name", ["model__pkl", "model__skops", "model__json", "weights", "x__txt"])
def test_a_pickle_is_quarantined_whatever_it_is_called(
    client: Client, workspace: Workspace, tmp_path: Path, name: str
) -> None:
    canary = tmp_path / "canary"
    raw = pickle.dumps(Bomb(canary), 4 if "pkl" in name else 0)
    manifest = registered(client, workspace, **{name: raw, "MLmodel": ML_MODEL.encode()})
    assert manifest.quarantined == f"'{name.replace('__', '.')}' is a pickle"
    assert (manifest.format, manifest.file) == ("", "")
    workspace.plans.adopt(workspace.owner, toml.parse(PLAN, "trueup.toml", Plan))
    with pytest.raises(TrueupError) as judged:
        workspace.gates.judge(workspace.owner, "trees")
    assert judged.value.code == "model-quarantined"
    assert not canary.exists()


@pytest.mark.parametrize("form", ["skops", "xgboost", "lightgbm", "onnx"])
def test_a_pickle_under_the_name_of_a_format_is_not_loaded(
    workspace: Workspace, tmp_path: Path, form: str
) -> None:
    canary = tmp_path / "canary"
    digest = workspace.state.blobs.put(pickle.dumps(Bomb(canary), 2))
    with pytest.raises(DeniedError) as caught:
        load_file(workspace.state.blobs, form, digest)
    assert caught.value.code == "model-quarantined"
    assert not canary.exists()


def test_a_quarantined_version_is_kept_and_given_out(client: Client, workspace: Workspace) -> None:
    raw = pickle.dumps(model())
    manifest = registered(client, workspace, model__pkl=raw)
    assert manifest.foreign is not None
    (kept,) = manifest.foreign.files
    path = manifest.foreign.location.partition(":/")[2].lstrip("/")
    url = f"http://localhost/api/2.0/mlflow-artifacts/artifacts/{path}/{kept.path}"
    assert client.ask("GET", url).content == raw
    with workspace.state.read(workspace.owner) as connection:
        (event,) = eventlog.about(connection, "trees@1")
    assert event.data["quarantined"] == manifest.quarantined


def test_a_format_that_only_holds_data_is_known(client: Client, workspace: Workspace) -> None:
    raw = skops.io.dumps(model())
    manifest = registered(client, workspace, model__skops=raw, MLmodel=ML_MODEL.encode())
    assert (manifest.quarantined, manifest.format) == ("", "skops")
    assert workspace.state.blobs.get(manifest.file) == raw


def test_the_signature_is_that_of_the_file_MLmodel(  # noqa: N802
    client: Client, workspace: Workspace
) -> None:
    manifest = registered(client, workspace, MLmodel=ML_MODEL.encode())
    assert manifest.signature.inputs == (
        Column(name="a", kind="number", nullable=False),
        Column(name="b", kind="text", nullable=True),
    )


def test_example_rows_imply_a_signature_when_none_is_stated(
    client: Client, workspace: Workspace
) -> None:
    example = {"columns": ["a", "b", "c"], "data": [[1, 2.5, "x"], [2, None, "y"]]}
    files = {"input_example__json": json.dumps(example).encode(), "MLmodel": b"flavors: {}\n"}
    inputs = registered(client, workspace, **files).signature.inputs
    assert [(c.name, c.kind, c.nullable) for c in inputs] == [
        ("a", "integer", False),
        ("b", "number", True),
        ("c", "text", False),
    ]


@pytest.mark.parametrize(
    "words",
    [b"", b"\xff\xfe", b"[" * 5000, b"signature: 7", b"signature: {inputs: '[1]'}", b"a: &a [*a]"],
)
def test_a_strange_file_of_words_gives_no_signature(
    client: Client, workspace: Workspace, words: bytes
) -> None:
    manifest = registered(client, workspace, MLmodel=words, model__skops=skops.io.dumps(model()))
    assert manifest.signature.inputs == ()
    assert manifest.format == "skops"
