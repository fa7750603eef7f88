"""The evidence follows the journal: as it grows, after a restart, and from where a ramp began."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trueup.app.automation.judging.ramps import Ramps
from trueup.app.wiring import Workspace, open_workspace
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.plan.guards import guarded
from trueup.lifecycle.releases.judging.records import Decision, Figure
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.serving.journal.writer import Journal

from .test_evidence import AT, answered, failed, labelled

GUARDS = guarded(Deployment(model="small"), "binary")


def release(number: int, requested_at: datetime = AT) -> Release:
    return Release(
        deployment="desk",
        number=number,
        model="small",
        version=number,
        verdict="v",
        approval="",
        strategy="canary",
        weight=0.25,
        state="canary",
        requested_by="sam",
        requested_at=requested_at,
    )


def rows(ramps: Ramps, new: Release) -> tuple[int, int, float]:
    found = ramps.evidence(new, release(1), GUARDS, Signature(inputs=()))
    losses = [period.new.values["brier"].rows for period in found.periods]
    return (*found.rows(), sum(losses))


def test_evidence_grows_with_the_journal_and_is_the_same_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    ramps, new = Ramps(folder), release(2)
    assert rows(ramps, new) == (0, 0, 0)
    journal = Journal(folder)
    for n in range(6):
        journal.write([answered(n, 1 + n % 2), labelled(n, (1,))])
        expected = ((n + 1) // 2, n // 2 + 1, (n + 1) // 2)
        assert rows(ramps, new) == rows(Ramps(folder), new) == expected
    journal.write([failed(9), failed(10, entities=("b",))])
    journal.close()
    assert rows(ramps, new) == rows(Ramps(folder), new) == (5, 3, 3)


def test_segments_from_before_the_release_was_asked_for_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    for n in (1, 2):
        journal = Journal(folder)
        journal.write([answered(n)])
        journal.close()
    old, _ = sorted(folder.glob("*.journal"))
    day = datetime.now(UTC) - timedelta(days=1)
    os.utime(old, (day.timestamp(),) * 2)
    assert rows(Ramps(folder), release(2, day + timedelta(hours=1)))[0] == 1
    assert rows(Ramps(folder), release(2, day - timedelta(hours=1)))[0] == 2


def test_a_read_that_failed_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trueup.app.automation.judging.rows import Rows

    folder = tmp_path / "journal"
    ramps, new, journal = Ramps(folder), release(2), Journal(folder)
    journal.write([answered(1)])
    assert rows(ramps, new)[0] == 1
    journal.write([answered(2)])
    journal.write([answered(3)])
    journal.close()
    add, times = Rows.add, iter(range(9))

    def failing(self: Rows, record: object) -> bool:
        if next(times) == 1:
            raise MemoryError
        return add(self, record)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Rows, "add", failing)
        with pytest.raises(MemoryError):
            rows(ramps, new)
    assert rows(ramps, new)[0] == 3


def test_what_ended_is_forgotten(tmp_path: Path) -> None:
    ramps = Ramps(tmp_path)
    rows(ramps, release(2))
    ramps.forget({("desk", 3)})
    assert not ramps._known


# --- looks on record


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "trueup.toml").write_text('[project]\nname = "p"\nobjective = "o"\n')
    return open_workspace(tmp_path)


def decision(rows: int, outcome: str = "unknown") -> Decision:
    figure = Figure(metric="errors", outcome=outcome, words="errors", rows=rows)  # type: ignore[arg-type]
    return Decision(action="continue", words="more", figures=(figure,), rows=rows)


def test_looks_are_kept_as_rows_grow_and_outcomes_change(workspace: Workspace) -> None:
    verbs, owner = workspace.decisions, workspace.owner

    def look(rows: int, outcome: str = "unknown") -> list[tuple[int, int]]:
        verbs.record(owner, "desk", 2, decision(rows, outcome), AT)
        return [(look.number, look.decision.rows) for look in verbs.of_release(owner, "desk", 2)]

    assert look(100) == [(1, 100)]
    assert look(100) == [(1, 100)]
    assert look(105) == [(1, 100), (2, 105)] or look(105) == [(1, 105)]
    for rows in range(106, 400):
        kept = look(rows)
    assert kept[-1][1] == 399
    assert len(kept) < 20
    assert look(399, "harm")[-1] == (kept[-1][0] + 1, 399)
    assert verbs.of_release(owner, "desk", 3) == []
    workspace.close()
