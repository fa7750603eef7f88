"""From a breach to a better model, with every step taken once and a person in between."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.app.automation.breach_builds import BreachBuilds
from trueup.app.automation.reacting import ACTOR, Automation
from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.errors import DeniedError
from trueup.lifecycle.plan.records import Plan, Project
from trueup.testing.jenkins import Buildable, FakeJenkins

from ..conftest import BREACH, DAY, HERE, PLAN, START, Desk, world

SOLO = ('template = "team"', 'template = "solo"')
WATCH_GONE = ("ranked.watch", "sorted.watch")
AT_ONCE = ('model = "small"\n', 'model = "small"\nstrategy = "all-at-once"\n')


def test_harm_starts_a_build_once_and_waits_for_a_jenkins_that_is_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeJenkins(Buildable("Team/train")) as server:
        file = desk.workspace.root / "trueup.toml"
        plan = file.read_text()
        monkeypatch.setenv("TRUEUP_SECRET_JENKINS", server.token)
        login = 'user = "ci"\ntoken = "secret:JENKINS"\n'
        with desk.workspace.state.write(ACTOR, "monitoring.run") as unit:
            breach = dict(desk.events("monitor.breached")[0].data)
            breach["on_breach"] = ["alert", "build:Team/train", "build:nothing"]
            unit.emit("monitor.breached", "deployment:desk", data=breach)
        builds = BreachBuilds(desk.workspace, ACTOR, desk.told.append)
        file.write_text(f'{plan}[connections.jenkins]\nurl = "http://127.0.0.1:1"\n{login}')
        builds.pump()
        builds.pump()
        assert [words for words in desk.told if "cannot be reached" in words] == desk.told[-1:]
        file.write_text(f'{plan}[connections.jenkins]\nurl = "{server.url}"\n{login}')
        builds.pump()
        assert len(server.items) == 1
        assert "'nothing' was not built" in desk.told[-1]
        BreachBuilds(desk.workspace, ACTOR, desk.told.append).pump()
        assert len(server.items) == 1
    [told] = desk.events("alert.built")
    assert told.data["job"] == "Team/train"


# --- the whole way


def test_harm_becomes_a_request_that_waits_for_a_person(desk: Desk) -> None:
    desk.pump()
    assert desk.states() == ["live", "requested"]
    proposal, release = desk.proposal(), desk.release(2)
    assert (proposal.state, proposal.goal, proposal.candidate, proposal.release) == (
        "requested",
        "ranked",
        "small@2",
        2,
    )
    assert (release.requested_by, release.model_ref) == ("automation", "small@2")
    assert release.why == f"goal 'ranked' was breached (alert:{proposal.alert})"
    run = desk.workspace.runs.show(ACTOR, proposal.run).run
    assert (run.started_by, run.caused_by) == ("automation", f"proposal {proposal.id}")
    assert [words.split(":")[0] for words in desk.told] == [
        "goal 'ranked' is breached",
        f"run:{run.id} made small@2".split(":")[0],
        "small@2 passed its gate; release",
    ]


def test_after_a_yes_it_is_tried_out_and_after_no_harm_promoted(asked: Desk) -> None:
    asked.decide()
    asked.pump(BREACH + DAY)
    assert asked.states() == ["live", "canary"]
    assert asked.release(2).started_at == BREACH + DAY
    days = range(10, 19)
    asked.answer(1, days)
    asked.answer(2, days)
    asked.watch(START + 18 * DAY)
    asked.pump(START + 18 * DAY)
    assert asked.states() == ["superseded", "live"]
    assert asked.workspace.models.aliases(ACTOR, "small") == {"champion": 2}
    proposal = asked.proposal()
    assert (proposal.state, proposal.ended_at) == ("done", START + 18 * DAY)
    assert proposal.why.startswith("live: brier")
    assert asked.told[-1].startswith("release:desk@2 (small@2) now serves everything")


def test_a_canary_that_harms_is_rolled_back(asked: Desk) -> None:
    asked.decide()
    asked.pump(BREACH)
    asked.answer(1, range(9, 15), turned=False)  # the world turned back: version 1 is right again
    asked.answer(2, range(9, 15), turned=False)
    asked.watch(START + 14 * DAY)
    asked.pump(START + 14 * DAY)
    assert asked.states() == ["live", "rolled-back"]
    assert asked.proposal().state == "done"
    assert asked.proposal().why.startswith("rolled-back: brier")
    assert asked.workspace.models.aliases(ACTOR, "small") == {"champion": 1}


def test_a_canary_without_labels_is_held_for_a_person_and_told_of_once(asked: Desk) -> None:
    asked.decide()
    asked.pump(BREACH)
    asked.pump(BREACH + 27 * DAY)
    assert asked.events("release.held") == []
    for days in (28, 29, 60):
        asked.pump(BREACH + days * DAY)
    assert asked.states() == ["live", "canary"]
    (held,) = asked.events("release.held")
    assert held.why == "held: brier: 0 labelled rows of the new version, 0 beside it"
    assert [words for words in asked.told if "waits for a person" in words] == [
        f"release:desk@2 waits for a person: {held.why.removeprefix('held: ')}"
    ]


def test_a_no_ends_the_release_and_the_proposal(asked: Desk) -> None:
    asked.decide(yes=False, reason="not before Easter")
    asked.pump(BREACH + DAY)
    assert asked.states() == ["live", "rejected"]
    assert (asked.release(2).why, asked.proposal().state) == ("not before Easter", "done")
    assert asked.proposal().why == "rejected: not before Easter"


def test_a_withdrawn_release_ends_the_proposal(asked: Desk) -> None:
    asked.workspace.releases.withdraw(asked.workspace.owner, "desk", "by hand")
    asked.pump(BREACH + DAY)
    assert (asked.proposal().state, asked.proposal().why) == ("done", "withdrawn: by hand")


def test_alone_and_at_once_nobody_is_asked(desk: Desk) -> None:
    desk.adopt(SOLO, AT_ONCE)
    desk.pump()
    assert desk.states() == ["superseded", "live"]
    assert desk.proposal().state == "done"


# --- candidates that are none


def test_a_candidate_that_does_not_win_is_refused(desk: Desk) -> None:
    desk.commit(rows=world(800, 3, turned=False).write_csv())
    desk.pump()
    proposal = desk.proposal()
    assert (proposal.state, proposal.ended_at) == ("refused", BREACH)
    assert "did not pass the gate" in proposal.why
    assert desk.states() == ["live"]


def test_the_same_model_again_is_refused(desk: Desk) -> None:
    desk.commit(rows=world(800, 1, turned=False).write_csv())
    desk.pump()
    assert desk.proposal().state == "refused"
    assert desk.proposal().why == (
        "the same data and code made small@1 again: there is nothing new"
    )
    assert desk.versions() == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rows": "a,b,late\n"}, "Step 'fit' failed"),
        ({"rows": ""}, "data/rows.csv cannot be read"),
        ({"pipeline": "def (:\n"}, "training.py"),
    ],
)
def test_a_training_that_fails_ends_the_proposal(
    desk: Desk, change: dict[str, str], why: str
) -> None:
    desk.commit(**change)
    desk.pump()
    assert desk.proposal().state == "failed"
    assert why in desk.proposal().why
    desk.pump(BREACH + DAY)
    assert desk.proposal().state == "failed"


def test_files_that_somebody_edits_delay_a_training_and_are_told_of_once(desk: Desk) -> None:
    (desk.root / "trueup.toml").write_text(PLAN + "# a thought\n")
    automation = Automation(desk.workspace, desk.told.append, options=HERE)
    for _ in range(3):
        automation.pump(BREACH)
    assert desk.proposal().state == "training"
    assert len([words for words in desk.told if "could not be traced" in words]) == 1
    desk.commit()
    automation.pump(BREACH)
    assert desk.proposal().state == "requested"


def test_while_another_release_is_on_its_way_the_candidate_waits(asked: Desk) -> None:
    """Somebody asked for another version between the training and the request."""
    with asked.workspace.state.database.writing() as connection:
        connection.execute(sa.text("UPDATE proposals SET state = 'training', release = 0"))
        connection.execute(sa.text("DELETE FROM releases WHERE number = 2"))
    owner = asked.workspace.owner
    train(asked.workspace, owner, "training", {"strength": 0.5}, options=HERE)
    asked.judge(3)
    asked.workspace.releases.request(owner, "desk", "small", "3")
    automation = Automation(asked.workspace, asked.told.append, options=HERE)
    for _ in range(2):
        automation.pump(BREACH)
    assert asked.proposal().state == "training"
    assert len([words for words in asked.told if "one release at a time" in words]) == 1
    asked.workspace.releases.withdraw(owner, "desk")
    automation.pump(BREACH)
    assert (asked.proposal().state, asked.release(3).model_ref) == ("requested", "small@2")


# --- once and no more


def outcome(desk: Desk) -> tuple[Any, ...]:
    """What a breach came to, whatever happened on the way."""
    proposal = desk.proposal()
    runs = desk.workspace.runs.list(ACTOR, state="finished").runs
    return (
        proposal.state,
        proposal.candidate,
        proposal.release,
        desk.versions(),
        desk.states(),
        len(runs),
        len(desk.workspace.gates.of_model(ACTOR, "small@2")),
        len(desk.workspace.people.open_approvals(ACTOR)),
        len(desk.events("release.requested")),
        len(desk.events("improvement.proposed")),
    )


DONE = ("requested", "small@2", 2, 2, ["live", "requested"], 2, 1, 1, 2, 1)


def test_pumping_again_changes_nothing(desk: Desk) -> None:
    desk.pump()
    assert outcome(desk) == DONE
    events = len(desk.events())
    desk.pump()
    desk.pump(BREACH + DAY)
    assert len(desk.events()) == events


class Crash(BaseException):
    """The process dies: whatever it tries afterwards, nothing is written any more."""


def dies_after(workspace: Workspace, commits: int) -> Callable[[], bool]:
    """Let a workspace's process die after so many transactions; says whether it did."""
    writing, left = workspace.state.database.writing, [commits]

    @contextmanager
    def mortal(**how: Any) -> Iterator[sa.Connection]:
        if left[0] < 0:
            raise Crash
        with writing(**how) as connection:
            yield connection
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    workspace.state.database.writing = mortal  # type: ignore[method-assign]
    return lambda: left[0] < 0


@pytest.mark.slow
def test_a_crash_after_any_transaction_is_made_good(desk: Desk, tmp_path: Path) -> None:
    desk.workspace.close()
    crashes = 0
    for commits in range(100):
        root = Path(shutil.copytree(desk.root, tmp_path / f"crash-{commits}"))
        with open_workspace(root) as workspace:
            has_died = dies_after(workspace, commits)
            try:
                Desk(workspace).pump()
            except Crash:
                crashes += 1
            if not has_died():
                break
        with open_workspace(root) as workspace:
            Desk(workspace).pump()
            assert outcome(Desk(workspace)) == DONE, f"after a crash at transaction {commits}"
        shutil.rmtree(root)
    assert crashes > 10


def test_a_crash_before_the_note_of_a_request_loses_neither_it_nor_its_end(asked: Desk) -> None:
    """Between the request and its note a person decided."""
    with asked.workspace.state.database.writing() as connection:
        connection.execute(sa.text("UPDATE proposals SET state = 'training', release = 0"))
    asked.decide(yes=False, reason="no")
    asked.pump(BREACH + DAY)
    assert asked.states() == ["live", "rejected"]
    assert (asked.proposal().state, asked.proposal().why) == ("done", "rejected: no")


def test_a_yes_starts_a_release_once(asked: Desk) -> None:
    asked.decide()
    asked.pump()
    asked.pump()
    with asked.workspace.state.database.writing() as connection:  # every event comes again
        connection.execute(sa.text("UPDATE cursors SET seq = 0 WHERE reader = 'automation'"))
    asked.pump()
    assert asked.states() == ["live", "canary"]
    assert len(asked.events("release.canary-started")) == 1
    assert len(asked.events("improvement.proposed")) == 1


# --- the plan changes


def test_a_new_plan_judges_what_serves_and_what_a_rollback_returns_to(desk: Desk) -> None:
    desk.adopt(SOLO, AT_ONCE)
    desk.pump()
    assert desk.states() == ["superseded", "live"]
    plan = desk.adopt(SOLO, AT_ONCE, ("at_most = 0.3", "at_most = 0.29"))
    desk.pump(BREACH + DAY)
    for ref in ("small@1", "small@2"):
        newest = desk.workspace.gates.of_model(ACTOR, ref)[0]
        assert newest.statement.plan == plan.digest
        assert f"{ref} under the new plan: {newest.statement.outcome}" in desk.told


def test_a_yes_under_an_earlier_plan_starts_nothing(asked: Desk) -> None:
    asked.decide()
    asked.adopt(("at_most = 0.3", "at_most = 0.29"))
    asked.pump()
    assert asked.states() == ["live", "requested"]
    assert any("release:desk@2 did not start" in words for words in asked.told)


def test_a_canary_that_fails_the_new_plan_is_held_not_promoted(asked: Desk) -> None:
    asked.decide()
    asked.pump(BREACH)
    days = range(9, 18)
    asked.answer(1, days)
    asked.answer(2, days)
    asked.adopt(("at_most = 0.3", "at_most = 0.05"))
    asked.watch(START + 17 * DAY)
    for _ in range(2):
        asked.pump(START + 17 * DAY)
    assert asked.states() == ["live", "canary"]
    assert "did not pass the gate" in asked.release(2).why
    assert len(asked.events("release.held")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        (("[deployments.desk]", "[deployments.hall]"), ("released:desk", "released:hall")),
        (('id = "ranked"', 'id = "sorted"'), ("ranked.gate", "sorted.gate"), WATCH_GONE),
    ],
)
def test_what_the_plan_no_longer_has_stops_nothing(
    desk: Desk, changes: list[tuple[str, str]]
) -> None:
    desk.adopt(*changes)
    desk.pump()
    Automation(desk.workspace).retry_open_alerts(BREACH + DAY)
    assert len(desk.workspace.improvements.of_deployment(ACTOR, "desk")) <= 1


def test_a_canary_of_a_place_that_is_gone_stops_nothing(asked: Desk) -> None:
    asked.decide()
    asked.pump()
    asked.adopt(("[deployments.desk]", "[deployments.hall]"), ("released:desk", "released:hall"))
    asked.pump(BREACH + 40 * DAY)
    assert asked.states() == ["live", "canary"]


# --- harm that lasts


def test_harm_that_lasts_is_tried_again_after_the_wait(desk: Desk) -> None:
    desk.commit(rows=world(800, 3, turned=False).write_csv())
    desk.pump()
    automation = Automation(desk.workspace)
    automation.retry_open_alerts(BREACH + DAY)
    assert desk.proposal().state == "refused"  # too early
    automation.retry_open_alerts(BREACH + 60 * DAY)
    automation.retry_open_alerts(BREACH + 60 * DAY)
    newest, first = desk.workspace.improvements.of_deployment(ACTOR, "desk")
    assert (newest.state, first.state) == ("proposed", "refused")
    assert newest.alert == first.alert


def test_automation_has_no_rights_beyond_its_own(desk: Desk) -> None:
    alert = desk.workspace.monitors.alerts(ACTOR)[0]
    with pytest.raises(DeniedError):
        desk.workspace.monitors.acknowledge(ACTOR, alert.id, "seen")
    with pytest.raises(DeniedError):
        desk.workspace.plans.adopt(ACTOR, Plan(project=Project(name="other", objective="")))
