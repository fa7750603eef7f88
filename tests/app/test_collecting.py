"""Files of tracked runs go a month after their runs were deleted, while the project is in use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trueup.app.collecting import DELETED, collect
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError

START = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "trueup.toml").write_text('[project]\nname = "t"\nobjective = "Try"\n')
    with open_workspace(tmp_path) as opened:
        yield opened


def test_files_of_a_deleted_run_go_after_a_month(workspace: Workspace) -> None:
    actor = workspace.owner
    with clock.held_at(START):
        run = workspace.tracking.start(actor, 0)
        path = f"0/{run.id}/artifacts/model.bin"
        with workspace.files.receiving(actor, path) as file:
            file.write(b"x" * 100_000)
        workspace.curation.delete_run(actor, run.id)
    hour = timedelta(hours=1)
    with clock.held_at(START + DELETED - hour):
        assert collect(workspace, actor, hour, dry_run=False).forgotten_files == 0
        assert workspace.files.content(actor, path).size == 100_000
    with clock.held_at(START + DELETED + hour):
        looked = collect(workspace, actor, hour, dry_run=True)
        assert (looked.forgotten_files, looked.forgotten_size) == (1, 100_000)
        assert {share.reason for share in looked.shares} == {"files of tracked runs and models"}
        done = collect(workspace, actor, hour, dry_run=False)
        assert (done.forgotten_files, done.done) == (1, True)
        with pytest.raises(NotFoundError):
            workspace.files.content(actor, path)
