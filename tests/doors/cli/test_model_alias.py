"""Aliases on the command line: moved, refused, and where they were on a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.doors.cli.main import run
from trueup.foundation import clock


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A project with two versions that a client registered."""
    (tmp_path / "trueup.toml").write_text('[project]\nname = "t"\nobjective = "Try"\n')
    monkeypatch.chdir(tmp_path)
    with open_workspace(tmp_path) as workspace:
        actor = workspace.owner
        with clock.held_at(datetime(2026, 5, 1, tzinfo=UTC)):
            workspace.registry.create(actor, "trees")
            for _ in range(2):
                workspace.versions.create(actor, "trees", "s3://bucket/model")
            workspace.aliases.set(actor, "trees", "best", 1)
            workspace.aliases.transition(actor, "trees", 1, "Staging")
        with clock.held_at(datetime(2026, 5, 4, tzinfo=UTC)):
            workspace.aliases.set(actor, "trees", "best", 2, "better")
            workspace.aliases.transition(actor, "trees", 2, "Staging", archive=True)
        yield workspace


def asked(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(line.split())
    written = capsys.readouterr()
    return code, written.out or written.err


def test_history_says_what_was_best_on_a_day(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, best, staged, archived in (
        ("2026-05-03", 1, [1], None),
        ("2026-05-04", 2, [2], [1]),
        ("2026-05-04T00:00:00Z", 2, [2], [1]),
    ):
        code, out = asked(f"model history trees --as-of {day} --json", capsys)
        standing = msgspec.json.decode(out)["standing"]
        assert (code, standing["aliases"]) == (0, {"best": best})
        assert standing["stages"].get("Staging") == staged
        assert standing["stages"].get("Archived") == archived
    standing = project.aliases.history(project.owner, "trees", "2026-04-30").standing
    assert (standing.aliases, standing.stages) == ({}, {})
    out = asked("model history trees --as-of 2026-05-03", capsys)[1]
    assert "trees@1" in out and "better" not in out
    assert "better" in asked("model history trees", capsys)[1]
    assert asked("model history trees --as-of yesterday", capsys)[0] == 2


def test_aliases_are_set_and_deleted(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked("model alias set trees worst 1 --why bad", capsys)[0] == 0
    assert project.models.aliases(project.owner, "trees") == {"best": 2, "worst": 1}
    assert asked("model alias delete trees worst", capsys)[0] == 0
    assert project.models.aliases(project.owner, "trees") == {"best": 2}
    for line, code, words in (
        ("model alias set trees champion 1", 6, "no plan is in force"),
        ("model alias set trees v7 1", 2, "reserved"),
        ("model alias set trees best 9", 3, "trees@9"),
        ("model alias ask trees champion 1", 3, "No plan is in force"),
    ):
        found = asked(line, capsys)
        assert found[0] == code and words in " ".join(found[1].split())


@pytest.mark.parametrize(
    "line", ["model list", "model show trees@1", "model show trees@best", "model history trees@1"]
)
def test_a_version_of_a_client_is_shown_as_any_other(
    project: Workspace, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    code, out = asked(line, capsys)
    assert code == 0 and ("trees" in out or "registered" in out)


@pytest.mark.parametrize(
    "line",
    [
        *("why trees@1", "check trees@1", "diff trees@1 trees@2", "release trees@1 --to desk"),
        *("checkout trees@1", "reproduce trees@1", "status", "doctor"),
    ],
)
def test_what_cannot_be_done_with_it_is_said(
    project: Workspace, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    code, out = asked(line, capsys)
    assert code != 70 and "Traceback" not in out, out


def test_names_with_spaces_are_shown_and_told(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    project.registry.create(project.owner, "old trees")
    project.versions.create(project.owner, "old trees", "s3://bucket/old")
    assert run(["model", "show", "old trees@1"]) == 0
    assert "s3://bucket/old" in capsys.readouterr().out
    assert run(["model", "history", "old trees"]) == 0
    assert "trueup model show 'old trees@1'" in capsys.readouterr().err
