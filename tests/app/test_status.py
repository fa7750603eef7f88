"""Status and milestones are computed from evidence each time; nobody ticks them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from trueup.app.status import Overview, overview
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, NotFoundError

from .conftest import BREACH, DAY, START, Desk


def seen(desk: Desk) -> Overview:
    return overview(desk.workspace, desk.workspace.owner)


def missing(desk: Desk) -> dict[str, tuple[str, ...]]:
    """What each milestone lacks."""
    return {status.milestone.id: status.missing for status in seen(desk).milestones}


def test_harm_that_is_proven_is_seen(desk: Desk) -> None:
    status = seen(desk)
    assert {g.goal.id: g.findings["desk"].verdict for g in status.goals} == {
        "ranked": "breach",
        "honest": "breach",
    }
    assert {alert.goal for alert in status.alerts} >= {"ranked"}
    (place,) = status.deployments
    assert ([r.model_ref for r in place.serving], place.waiting, place.proposal) == (
        ["small@1"],
        (),
        None,
    )


def test_milestones_are_reached_by_evidence_alone(desk: Desk) -> None:
    assert missing(desk) == {"out": (), "good": ("ranked.watch",)}
    assert [s.reached for s in seen(desk).milestones] == [True, False]


def test_a_milestone_that_was_reached_can_be_lost(desk: Desk) -> None:
    """A verdict under an earlier plan supports nothing under this one."""
    desk.adopt(("at_least = 0.6", "at_least = 0.99"))
    assert missing(desk)["out"] == ("ranked.gate",)
    desk.judge(1)
    assert missing(desk)["out"] == ("ranked.gate",)
    assert missing(desk)["good"] == ("ranked.watch",)


def test_a_watch_that_is_kept_again_holds_again(asked: Desk) -> None:
    asked.decide()
    asked.pump(BREACH)
    asked.workspace.releases.promote(asked.workspace.owner, "desk", BREACH)
    asked.answer(2, range(9, 18))
    asked.watch(START + 18 * DAY)
    assert missing(asked) == {"out": (), "good": ()}


def test_nothing_live_supports_nothing(desk: Desk) -> None:
    desk.adopt(("[deployments.desk]", "[deployments.hall]"), ("released:desk", "released:hall"))
    assert missing(desk)["out"] == ("ranked.gate", "released:hall")


def test_what_waits_for_a_person_is_seen(asked: Desk) -> None:
    status = seen(asked)
    (place,), (approval,) = status.deployments, status.approvals
    assert [release.number for release in place.waiting] == [2]
    assert (approval.subject, approval.state) == ("small@2", "asked")
    assert place.proposal is not None
    assert place.proposal.state == "requested"
    asked.decide()
    asked.pump(BREACH)
    (place,) = seen(asked).deployments
    assert [(r.number, r.state) for r in place.serving] == [(1, "live"), (2, "canary")]
    assert (place.waiting, seen(asked).approvals) == ((), ())


def test_looking_changes_nothing(desk: Desk) -> None:
    events = len(desk.events())
    assert seen(desk) == seen(desk)
    assert len(desk.events()) == events


def test_strangers_see_nothing(desk: Desk) -> None:
    with pytest.raises(DeniedError):
        overview(desk.workspace, Actor(name="mallory"))
    assert overview(desk.workspace, Actor(name="rita")) == seen(desk)


def test_without_a_plan_there_is_no_status(desk: Desk) -> None:
    with desk.workspace.state.database.writing() as connection:
        connection.execute(sa.text("DELETE FROM plans"))
    with pytest.raises(NotFoundError):
        seen(desk)
