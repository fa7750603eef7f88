"""Pinned requirements: every package with its hashes, no addresses, one version everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

FILES = ("runtime", "demo", "dev")
CLIENTS = ("mlflow-2", "mlflow-3")  # for environments of their own
PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)


def pins(root: Path, name: str) -> dict[str, str]:
    text = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return {match["name"]: match["version"] for match in PIN.finditer(text)}


@pytest.mark.parametrize("name", FILES + CLIENTS)
def test_every_package_has_hashes(root: Path, name: str) -> None:
    text = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", re.sub(r"^ *#.*(\n|$)", "", text, flags=re.MULTILINE).strip())
    assert len(blocks) == len(pins(root, name))
    assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("name", FILES + CLIENTS)
def test_no_address_stands_in_them(root: Path, name: str) -> None:
    text = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.findall(r"\S*://\S*|^-.*|@ .*", text, flags=re.MULTILINE)


def test_each_file_holds_the_smaller_ones_with_the_same_versions(root: Path) -> None:
    runtime, demo, dev = (pins(root, name).items() for name in FILES)
    assert runtime <= demo <= dev


def test_every_dependency_is_pinned(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "runtime": project["dependencies"],
        "demo": project["dependencies"] + extras["sklearn"] + extras["demo"],
        "dev": project["dependencies"] + extras["dev"],
    }
    for name, lines in wanted.items():
        names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in lines}  # type: ignore[index]
        assert names - {"trueup"} <= set(pins(root, name)), "run: make requirements"


def test_ci_runs_what_a_person_runs(root: Path) -> None:
    lines = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "make test"
