"""`trueup model card` and `bom`: written, held against the evidence, and refused when stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.doors.cli.main import run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A project with a version that a client registered."""
    (tmp_path / "trueup.toml").write_text('[project]\nname = "t"\nobjective = "Try"\n')
    monkeypatch.chdir(tmp_path)
    with open_workspace(tmp_path) as workspace:
        workspace.registry.create(workspace.owner, "trees")
        workspace.versions.create(workspace.owner, "trees", "s3://bucket/model")
        yield workspace


def test_a_kept_card_holds_and_a_changed_one_fails_with_6(
    project: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "CARD.md"
    assert run(["model", "card", "trees@1", "--output", str(kept)]) == 0
    assert "No gate has judged it" in kept.read_text()
    assert run(["model", "card", "trees@1", "--check", str(kept)]) == 0
    kept.write_text(kept.read_text().replace("A client", "Nobody"))
    capsys.readouterr()
    assert run(["model", "card", "trees@1", "--check", str(kept)]) == 6
    assert "changed after it was written" in capsys.readouterr().err


def test_the_card_and_the_bill_are_json_on_demand(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "card", "trees@1", "--format", "json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["card"]["ref"] == "trees@1"
    assert run(["model", "bom", "trees@1"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["specVersion"] == "1.6"
    assert run(["model", "card", "oaks"]) == 3
