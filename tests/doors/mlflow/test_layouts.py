"""A version of a pipeline looks to clients like a model of their own, and never changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from trueup.app.wiring import Workspace
from trueup.foundation.records import encode
from trueup.ports import loading

from .conftest import Client

PROXY = "http://localhost/api/2.0/mlflow-artifacts/artifacts"
ROOT = "trueup/lumps/1"


@pytest.fixture
def door(clinic: Workspace) -> Client:
    """Asks the door of a project whose pipeline made `lumps@1`."""
    return Client(clinic)


def listed(door: Client, path: str) -> dict[str, int]:
    found = door.get(PROXY, path=path).get("files", [])
    return {each["path"]: each["file_size"] for each in found}


def test_its_files_are_where_clients_are_sent(door: Client, clinic: Workspace) -> None:
    version = {"name": "lumps", "version": "1"}
    uri = door.get("model-versions/get-download-uri", **version)["artifact_uri"]
    assert uri == f"mlflow-artifacts:/{ROOT}"
    files = listed(door, ROOT)
    assert sorted(files) == ["MLmodel", "model.skops", "requirements.txt"]
    manifest = clinic.models.show(clinic.owner, "lumps", "1").manifest
    raw = door.ask("GET", f"{PROXY}/{ROOT}/model.skops").content
    assert raw == clinic.state.blobs.get(manifest.file)
    assert len(raw) == files["model.skops"]
    part = door.ask("GET", f"{PROXY}/{ROOT}/MLmodel", headers={"range": "bytes=0-6"})
    assert (part.status_code, part.content) == (206, b"flavors")


def test_the_file_MLmodel_says_how_to_load_it_and_what_it_takes(  # noqa: N802
    door: Client,
) -> None:
    said = yaml.safe_load(door.ask("GET", f"{PROXY}/{ROOT}/MLmodel").content)
    assert said["flavors"]["sklearn"]["pickled_model"] == "model.skops"
    assert said["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"
    inputs = json.loads(said["signature"]["inputs"])
    assert inputs[0] == {"name": "radius", "type": "double", "required": False}
    needed = door.ask("GET", f"{PROXY}/{ROOT}/requirements.txt").text.splitlines()
    assert [line.partition("==")[0] for line in needed] == ["mlflow", "scikit-learn", "skops"]
    assert all("==" in line for line in needed[1:])


def test_one_file_is_given_out_by_the_version_too(door: Client) -> None:
    query = {"name": "lumps", "version": "1", "path": "model.skops"}
    reply = door.ask("GET", "http://localhost/model-versions/get-artifact", params=query)
    assert reply.status_code == 200 and reply.content[:2] == b"PK"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"{PROXY}/{ROOT}/MLmodel"),
        ("PUT", f"{PROXY}/{ROOT}/more/model.pkl"),
        ("DELETE", f"{PROXY}/{ROOT}"),
        ("POST", f"http://localhost/api/2.0/mlflow-artifacts/mpu/create/{ROOT}"),
    ],
)
def test_no_client_writes_there(door: Client, method: str, path: str) -> None:
    before = listed(door, ROOT)
    more: dict[str, Any] = {"content": b"x"} if method == "PUT" else {}
    if method == "POST":
        more = {"json": {"path": "model.skops", "num_parts": 1}}
    status, name, _ = door.refused(method, path, **more)
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    assert listed(door, ROOT) == before


@pytest.mark.parametrize("path", ["trueup/lumps/1/other", "trueup/lumps/99/MLmodel", "trueup/no"])
def test_what_is_not_there_is_not_found(door: Client, path: str) -> None:
    assert door.refused("GET", f"{PROXY}/{path}")[0] == 404


@pytest.mark.parametrize("name", loading.names("formats"))
def test_every_format_that_clients_load_names_its_own_file(name: str) -> None:
    backend = loading.load("formats", name)()
    if backend.flavor is None:
        return
    file = f"model{backend.suffix}"
    assert file in backend.flavor.settings.values()
    assert file in backend.flavor.function.values()
    assert encode(dict(backend.flavor.settings))
