"""`trueup package`: the same bytes twice, read by others, and served without a project."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import HERE

NAMES = ("radius", "texture", "smoothness", "concavity", "symmetry")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def manifest(image: Path, number: int = 0) -> Any:
    index = json.loads((image / "index.json").read_bytes())
    name = index["manifests"][number]["digest"].partition(":")[2]
    return json.loads((image / "blobs/sha256" / name).read_bytes())


@pytest.fixture
def package(lived: Path, trueup: Any) -> Path:
    made = trueup("package", "lumps@1", "--without-wheels", "--output", "p")
    assert made.code == 0, made.err
    return lived / "p"


def test_the_same_version_makes_the_same_bytes(package: Path, trueup: Any) -> None:
    again = trueup("package", "lumps@1", "--without-wheels", "--output", "q", "--json")
    assert again.code == 0, again.err
    assert digests(package) == digests(package.with_name("q"))
    refused = trueup("package", "lumps@1", "--without-wheels", "--output", "q")
    assert (refused.code, "package-exists" in refused.err) == (4, True)


def test_blobs_are_what_their_names_say_and_others_refer_to_the_image(package: Path) -> None:
    image = package / "image"
    for path in (image / "blobs/sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    index = json.loads((image / "index.json").read_bytes())
    whole, *referrers = index["manifests"]
    assert [manifest(image, n)["subject"]["digest"] for n in (1, 2)] == [whole["digest"]] * 2
    assert [one["artifactType"] for one in referrers] == [
        "application/vnd.cyclonedx+json",
        "application/vnd.dsse.envelope.v1+json",
    ]


def test_another_version_changes_only_model_and_configuration(package: Path, trueup: Any) -> None:
    assert trueup("run", "--allow-dirty", "-p", "strength=0.9", *HERE).code == 0
    refused = trueup("package", "lumps@2", "--without-wheels", "--output", "r")
    assert (refused.code, "verdict-missing" in refused.err) == (6, True)
    line = ("package", "lumps@2", "--without-wheels", "--output", "r", "--unproven", "a trial")
    assert trueup(*line).code == 0
    one, two = (manifest(package.with_name(n) / "image")["layers"] for n in ("p", "r"))
    same = [a["digest"] == b["digest"] for a, b in zip(one, two, strict=True)]
    assert same == [True, True, False, False]
    kept = json.loads((package.with_name("r") / "app/package/package.json").read_bytes())
    assert (kept["verdict"], kept["unproven"]) == ("", "a trial")


def test_it_stands_on_an_image_on_disk(package: Path, trueup: Any) -> None:
    done = trueup(
        "package", "lumps@1", "--without-wheels", "--output", "s", "--base", "p/image:lumps-1"
    )
    assert done.code == 0, done.err
    below, above = (manifest(package.with_name(n) / "image") for n in ("p", "s"))
    assert above["layers"][: len(below["layers"])] == below["layers"]
    name = above["config"]["digest"].partition(":")[2]
    config = json.loads((package.with_name("s") / "image/blobs/sha256" / name).read_bytes())
    assert len(config["rootfs"]["diff_ids"]) == len(above["layers"])
    refused = trueup("package", "lumps@1", "--without-wheels", "--output", "t", "--base", "data")
    assert (refused.code, "package-base" in refused.err) == (2, True)


def test_a_trial_writes_nothing_and_missing_wheels_are_named(lived: Path, trueup: Any) -> None:
    told = trueup("package", "lumps@1", "--without-wheels", "--dry-run", "--json").data
    assert [one["name"] for one in told["layers"]] == [
        "requirements",
        "trueup",
        "model",
        "configuration",
    ]
    assert any(line.startswith("polars==") for line in told["requirements"])
    missing = trueup("package", "lumps@1", "--wheels", "data")
    assert (missing.code, "pip download" in missing.err) == (2, True)
    assert not Path("lumps-1").exists()


@pytest.mark.slow
def test_others_read_the_image(package: Path) -> None:
    for tool in ("skopeo", "umoci"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian: apt-get install skopeo umoci)")
    place = f"{package}/image:lumps-1"
    seen = subprocess.run(
        ["skopeo", "inspect", f"oci:{place}"], capture_output=True, check=True, text=True
    )
    assert len(json.loads(seen.stdout)["Layers"]) == 4
    copied = package / "copied"
    subprocess.run(["skopeo", "copy", "-q", f"oci:{place}", f"dir:{copied}"], check=True)
    unpack = ["umoci", "unpack", "--rootless", "--image", place, str(package / "bundle")]
    subprocess.run(unpack, check=True, capture_output=True)
    root = package / "bundle/rootfs/opt/trueup"
    inside = {path.name for path in (root / "package").iterdir()}
    assert "package.json" in inside
    app = package / "app/package"
    assert {path.name: path.read_bytes() for path in (root / "package").iterdir()} == {
        path.name: path.read_bytes() for path in app.iterdir()
    }


@pytest.mark.slow
def test_the_folder_serves_without_a_project_and_refuses_damage(
    package: Path, tmp_path: Path
) -> None:
    app = Path(shutil.move(package / "app", tmp_path / "elsewhere"))
    command = [sys.executable, str(app), "--port", "0"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["listening"]
        tensors = [{"name": n, "shape": [1], "datatype": "FP64", "data": [0.5]} for n in NAMES]
        answer = httpx.post(f"{url}/v2/models/lumps/infer", json={"inputs": tensors})
        assert answer.status_code == 200, answer.text
    finally:
        process.terminate()
        process.communicate(timeout=20)
    (model,) = [p for p in (app / "package").iterdir() if p.name.startswith("model.")]
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    refused = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=30
    )
    assert (refused.returncode, "is not the file that was packaged" in refused.stderr) == (8, True)
    assert "Traceback" not in refused.stderr
