"""Nothing serves without a verdict and a second person's yes, and there is always a way back."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import (
    ConflictError,
    DeniedError,
    GateFailedError,
    NotFoundError,
    TrueupError,
)
from trueup.lifecycle.gates import table as verdicts
from trueup.lifecycle.releases import rules, table
from trueup.lifecycle.releases.braking import Brakes
from trueup.lifecycle.releases.records import Release

from ..conftest import AT, Shop

LATER = AT + timedelta(days=7)
SOLO = ('objective = "Try things"\n', 'objective = "Try things"\n\n[process]\ntemplate = "solo"\n')
OTHER = ('objective = "Try things"', 'objective = "Try other things"')


def refusal(kind: type[TrueupError], verb: Any, *arguments: Any, **more: Any) -> TrueupError:
    with pytest.raises(kind) as caught:
        verb(*arguments, **more)
    return caught.value


def start(shop: Shop, release: Release) -> Release:
    return shop.releases.start(shop.omar, release.deployment, release.number, AT)


def live_at_one_canary_at_two(shop: Shop) -> tuple[Release, Release]:
    return shop.begin(1), shop.begin(2)


# --- asking


def test_a_request_needs_a_verdict(shop: Shop) -> None:
    refused = refusal(GateFailedError, shop.releases.request, shop.sam, "desk", "small", "2")
    assert refused.code == "verdict-missing"
    assert shop.states() == []


def test_a_request_needs_a_verdict_that_passed(shop: Shop) -> None:
    assert refusal(GateFailedError, shop.ask, 3).code == "gate-failed"


def test_a_request_asks_a_second_person(shop: Shop) -> None:
    release = shop.ask(2, why="it is better")
    assert (release.ref, release.state, release.weight) == ("release:desk@1", "requested", 0.0)
    asked = shop.people.approval(shop.sam, release.approval)
    assert (asked.state, asked.subject, asked.asked_by) == ("asked", "small@2", "sam")
    assert asked.authors == ("sam",)
    (event,) = shop.events("release.requested")
    assert event.data == {
        "model": "small@2",
        "verdict": release.verdict,
        "approval": release.approval,
    }


def test_asking_again_gives_the_release_there_is(shop: Shop) -> None:
    first = shop.ask(2)
    assert shop.ask(2) == first
    shop.approve(first)
    live = start(shop, first)
    assert shop.ask(2) == live


def test_one_release_is_on_its_way_at_a_time(shop: Shop) -> None:
    shop.ask(1)
    assert refusal(ConflictError, shop.ask, 2).code == "release-in-progress"
    assert shop.ask(2, "hall").number == 1  # another place is free


def test_a_canary_is_on_its_way_too(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    refused = refusal(ConflictError, shop.ask, 4)
    assert (refused.code, refused.hint) == ("release-in-progress", "trueup rollback desk")


def test_a_place_serves_one_model(shop: Shop) -> None:
    shop.adopt(('[deployments.hall]\nmodel = "small"', '[deployments.hall]\nmodel = "large"'))
    shop.judge(2)
    refused = refusal(ConflictError, shop.releases.request, shop.sam, "hall", "small", "2")
    assert refused.code == "deployment-model"


def test_an_unknown_place_is_refused_with_the_near_name(shop: Shop) -> None:
    refused = refusal(NotFoundError, shop.releases.request, shop.sam, "disk", "small", "2")
    assert (refused.code, "desk" in refused.message) == ("deployment-not-found", True)


def test_a_verdict_against_an_earlier_champion_is_stale(shop: Shop) -> None:
    shop.judge(2)
    shop.begin(1)
    refused = refusal(GateFailedError, shop.releases.request, shop.sam, "desk", "small", "2")
    assert (refused.code, refused.hint) == ("verdict-stale", "trueup check small@2")
    assert shop.ask(2).state == "requested"


# --- the second person


def test_nobody_approves_what_they_asked_for(shop: Shop, owner: Actor) -> None:
    shop.judge(2)
    release = shop.releases.request(owner, "desk", "small", "2")
    refused = refusal(DeniedError, shop.people.decide, owner, release.approval, True)
    assert refused.code == "approval-refused"


def test_nobody_approves_what_they_made(shop: Shop, owner: Actor) -> None:
    sam_reviews = ('sam = ["scientist"]', 'sam = ["scientist", "reviewer"]')
    shop.adopt(sam_reviews)
    shop.judge(2)
    release = shop.releases.request(owner, "desk", "small", "2")
    refused = refusal(DeniedError, shop.people.decide, shop.sam, release.approval, True)
    assert "sam made what is to be approved" in refused.message
    shop.people.decide(shop.rita, release.approval, True)


def test_without_an_answer_nothing_starts(shop: Shop) -> None:
    release = shop.ask(2)
    refused = refusal(DeniedError, start, shop, release)
    assert refused.code == "approval-needed"
    assert "is asked" in refused.message
    assert shop.states() == ["requested"]


def test_after_a_no_nothing_starts(shop: Shop) -> None:
    release = shop.ask(2)
    shop.approve(release, yes=False)
    assert "is rejected" in refusal(DeniedError, start, shop, release).message


def test_a_yes_dies_with_the_plan_it_was_given_under(shop: Shop) -> None:
    release = shop.ask(2)
    shop.approve(release)
    shop.adopt(OTHER)
    assert refusal(GateFailedError, start, shop, release).code == "verdict-missing"
    shop.judge(2)
    assert refusal(DeniedError, start, shop, release).code == "approval-needed"


def test_a_yes_dies_with_the_champion_it_was_given_against(shop: Shop) -> None:
    shop.begin(1)
    release = shop.ask(2)
    shop.approve(release)
    shop.begin(4, "hall")  # the champion is another one now
    assert refusal(GateFailedError, start, shop, release).code == "verdict-stale"
    shop.judge(2)
    assert refusal(TrueupError, start, shop, release).code in ("approval-needed", "gate-failed")


def test_a_yes_for_one_place_is_none_for_another(shop: Shop) -> None:
    shop.approve(shop.ask(2))
    hall = shop.ask(2, "hall")
    assert shop.people.approval(shop.sam, hall.approval).state == "asked"


def test_a_yes_given_to_exactly_this_content_counts_again(shop: Shop) -> None:
    first = shop.begin(1)
    second = shop.begin(2)
    shop.releases.roll_back(shop.omar, "desk", LATER)
    again = shop.ask(2)
    assert (again.number, again.approval) == (3, second.approval)
    assert len(shop.people.open_approvals(shop.sam)) == 0
    assert start(shop, again).state == "canary"
    assert first.number == 1


def test_a_forged_verdict_starts_nothing(shop: Shop) -> None:
    release = shop.ask(2)
    shop.approve(release)
    with shop.state.database.writing() as connection:
        connection.execute(verdicts.verdicts.update().values(signature="00" * 64))
    assert refusal(GateFailedError, start, shop, release).code == "verdict-not-genuine"


def test_alone_nobody_is_asked_but_the_verdict_is(shop: Shop) -> None:
    shop.adopt(SOLO)
    release = shop.ask(2)
    assert release.approval == ""
    assert shop.people.open_approvals(shop.sam) == []
    shop.adopt(SOLO, OTHER)
    assert refusal(GateFailedError, start, shop, release).code == "verdict-missing"
    shop.judge(2)
    assert start(shop, release).state == "live"


def test_what_was_asked_for_alone_does_not_start_in_a_team(shop: Shop) -> None:
    shop.adopt(SOLO)
    release = shop.ask(2)
    shop.adopt()
    shop.judge(2)
    refused = refusal(DeniedError, start, shop, release)
    assert (refused.code, "none was asked" in refused.message) == ("approval-needed", True)


# --- starting


def test_the_first_release_takes_all_traffic(shop: Shop) -> None:
    live = shop.begin(2)
    assert (live.state, live.weight, live.started_at, live.strategy) == (
        "live",
        1.0,
        AT,
        "all-at-once",
    )
    assert shop.champion() == 2


def test_the_next_one_is_tried_out(shop: Shop) -> None:
    _, canary = live_at_one_canary_at_two(shop)
    assert (canary.state, canary.weight, canary.previous) == ("canary", 0.25, 1)
    assert shop.champion() == 1
    route = shop.releases.routes(shop.sam)["desk"]
    assert [(a.model_ref, a.weight) for a in route.arms] == [("small@1", 0.75), ("small@2", 0.25)]
    assert route.entity == "who"


def test_a_place_may_switch_at_once(shop: Shop) -> None:
    shop.begin(1, "hall")
    live = shop.begin(2, "hall")
    assert (live.state, shop.states("hall"), shop.champion()) == ("live", ["superseded", "live"], 2)


def test_the_strategy_of_one_release_may_differ(shop: Shop) -> None:
    shop.begin(1)
    assert shop.begin(2, strategy="all-at-once").state == "live"


def test_promotion_gives_all_traffic_and_moves_the_champion(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    live = shop.releases.promote(shop.omar, "desk", LATER, "no harm")
    assert (live.state, live.weight, live.started_at, live.why) == ("live", 1.0, AT, "no harm")
    assert shop.states() == ["superseded", "live"]
    assert shop.champion() == 2
    ended = shop.releases.of_deployment(shop.sam, "desk")[1]
    assert (ended.ended_at, ended.why, ended.weight) == (LATER, "release:desk@2 took over", 0.0)


def test_promotion_proves_the_verdict_again(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    shop.adopt(OTHER)
    refused = refusal(GateFailedError, shop.releases.promote, shop.omar, "desk", LATER)
    assert refused.code == "verdict-missing"
    shop.judge(2)
    assert shop.releases.promote(shop.omar, "desk", LATER).state == "live"


def test_without_a_canary_nothing_is_promoted_or_held(shop: Shop) -> None:
    shop.begin(1)
    for verb, last in ((shop.releases.promote, LATER), (shop.releases.hold, "why")):
        assert refusal(NotFoundError, verb, shop.omar, "desk", last).code == "canary-not-found"


def test_a_held_canary_goes_on_and_is_told_of_once(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    held = shop.releases.hold(shop.omar, "desk", "no labels")
    assert (held.state, held.weight, held.started_at, held.why) == ("canary", 0.25, AT, "no labels")
    assert shop.releases.hold(shop.omar, "desk", "still none") == held
    assert [e.why for e in shop.events("release.held")] == ["no labels"]


# --- the way back


def test_a_rollback_ends_the_canary_first(shop: Shop) -> None:
    live, _ = live_at_one_canary_at_two(shop)
    assert shop.releases.roll_back(shop.omar, "desk", LATER, "harm") == live
    assert shop.states() == ["live", "rolled-back"]
    assert shop.champion() == 1


def test_a_rollback_returns_to_what_served_before(shop: Shop) -> None:
    shop.begin(1, "hall")
    shop.begin(2, "hall")
    back = shop.releases.roll_back(shop.omar, "hall", LATER, "harm")
    assert (back.model_ref, back.state, back.weight, back.ended_at) == (
        "small@1",
        "live",
        1.0,
        None,
    )
    assert shop.states("hall") == ["live", "rolled-back"]
    assert shop.champion() == 1
    assert [e.type for e in shop.events("release.rolled-back", "release.went-live")][-2:] == [
        "release.rolled-back",
        "release.went-live",
    ]


def test_rollbacks_follow_each_other_to_the_first_and_no_further(shop: Shop) -> None:
    shop.adopt(("margin = -0.01", "margin = -1.0"))
    for version in (1, 2, 4):
        shop.begin(version, "hall")
    served = [shop.releases.roll_back(shop.omar, "hall", LATER).version for _ in range(2)]
    assert served == [2, 1]
    refused = refusal(ConflictError, shop.releases.roll_back, shop.omar, "hall", LATER)
    assert refused.code == "nothing-to-return-to"
    assert shop.states("hall") == ["live", "rolled-back", "rolled-back"]


def test_with_nothing_live_there_is_nothing_to_return_to(shop: Shop) -> None:
    refused = refusal(ConflictError, shop.releases.roll_back, shop.omar, "desk", LATER)
    assert refused.code == "nothing-to-return-to"


def test_a_rollback_leads_to_what_really_served_before(shop: Shop) -> None:
    """What was live when the release was asked for may have been rolled back meanwhile."""
    shop.adopt(("margin = -0.01", "margin = -1.0"))
    shop.begin(1, "hall")
    shop.begin(2, "hall")
    waiting = shop.ask(4, "hall")
    shop.approve(waiting)
    shop.releases.roll_back(shop.omar, "hall", LATER)
    assert refusal(GateFailedError, start, shop, waiting).code == "verdict-stale"
    shop.releases.withdraw(shop.sam, "hall")
    fourth = shop.begin(4, "hall")
    assert (fourth.state, fourth.previous) == ("live", 1)
    assert shop.releases.roll_back(shop.omar, "hall", LATER).version == 1


def test_a_request_that_waited_through_a_rollback_still_knows_the_way_back(shop: Shop) -> None:
    """The champion stays the same when another place brought it there."""
    shop.begin(1)
    shop.begin(2)
    shop.releases.promote(shop.omar, "desk", AT)
    waiting = shop.ask(4)
    shop.approve(waiting)
    shop.releases.roll_back(shop.omar, "desk", LATER)
    shop.begin(2, "hall")  # version 2 is the champion again, version 1 serves at the desk
    assert start(shop, waiting).state == "canary"
    shop.releases.promote(shop.omar, "desk", LATER)
    assert shop.releases.roll_back(shop.omar, "desk", LATER).version == 1


# --- the end of a request


def test_a_request_can_be_withdrawn_before_it_starts(shop: Shop) -> None:
    shop.ask(2)
    withdrawn = shop.releases.withdraw(shop.sam, "desk", "a mistake")
    assert (withdrawn.state, withdrawn.why) == ("withdrawn", "a mistake")
    refused = refusal(NotFoundError, shop.releases.withdraw, shop.sam, "desk")
    assert refused.code == "release-not-found"
    assert shop.ask(1).number == 2


def test_a_refused_request_has_ended(shop: Shop) -> None:
    release = shop.ask(2)
    rejected = shop.releases.reject(shop.omar, "desk", release.number, "too early")
    assert rejected.state == "rejected"
    assert refusal(ConflictError, start, shop, release).code == "release-state"


def test_what_serves_can_neither_be_withdrawn_nor_rejected(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    refusal(NotFoundError, shop.releases.withdraw, shop.sam, "desk")
    for number in (1, 2):
        refused = refusal(ConflictError, shop.releases.reject, shop.omar, "desk", number, "")
        assert refused.code == "release-state"


def test_what_has_started_does_not_start_again(shop: Shop) -> None:
    live, canary = live_at_one_canary_at_two(shop)
    for release in (live, canary):
        assert refusal(ConflictError, start, shop, release).code == "release-state"
    shop.releases.promote(shop.omar, "desk", LATER)
    assert refusal(ConflictError, start, shop, live).code == "release-state"  # superseded
    shop.releases.roll_back(shop.omar, "desk", LATER)
    assert refusal(ConflictError, start, shop, canary).code == "release-state"


def test_an_unknown_release_is_refused(shop: Shop) -> None:
    refused = refusal(NotFoundError, shop.releases.start, shop.omar, "desk", 9, AT)
    assert refused.code == "release-not-found"


# --- who may


def test_scientists_ask_and_operators_operate(shop: Shop, viewer: Actor) -> None:
    release = shop.ask(2)
    shop.approve(release)
    refusal(DeniedError, shop.releases.start, shop.sam, "desk", 1, AT)
    for verb in (shop.releases.promote, shop.releases.roll_back):
        refusal(DeniedError, verb, shop.sam, "desk", AT)
    refusal(DeniedError, shop.releases.reject, shop.rita, "desk", 1, "")
    refusal(DeniedError, shop.releases.withdraw, viewer, "desk")
    refusal(DeniedError, shop.releases.request, viewer, "desk", "small", "2")
    assert shop.states() == ["requested"]


def test_automation_asks_and_operates_and_approves_nothing(shop: Shop) -> None:
    automation = service("automation")
    shop.gates.judge(automation, "small", "2")
    release = shop.releases.request(automation, "desk", "small", "2")
    refusal(DeniedError, shop.people.decide, automation, release.approval, True)
    shop.approve(release)
    assert shop.releases.start(automation, "desk", 1, AT).state == "live"


# --- reading, and the database as the last guard


def test_releases_are_found(shop: Shop) -> None:
    live, canary = live_at_one_canary_at_two(shop)
    assert shop.releases.of_deployment(shop.sam, "desk") == [canary, live]
    assert shop.releases.serving(shop.sam) == [live, canary]
    assert shop.releases.with_approval(shop.sam, canary.approval) == [canary]
    assert shop.releases.routes(shop.sam)["hall"].arms == ()


@pytest.mark.parametrize("state", ["live", "canary"])
def test_the_database_refuses_a_second_one_in_a_place(shop: Shop, state: str) -> None:
    live_at_one_canary_at_two(shop)
    rows = table.releases
    double = {c.name: c for c in rows.c} | {"number": sa.literal(9)}
    query = rows.insert().from_select(
        list(double), sa.select(*double.values()).where(rows.c.state == state)
    )
    with pytest.raises(Exception, match="UNIQUE"), shop.state.database.writing() as connection:
        connection.execute(query)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_tried_the_promises_hold(shop: Shop, seed: int) -> None:
    """A random walk over all verbs, legal or not."""
    shop.adopt(("margin = -0.01", "margin = -1.0"))
    random = Random(seed)
    began: dict[int, Any] = {}

    def last() -> Release:
        return shop.releases.of_deployment(shop.sam, "desk")[0]

    moves: list[Any] = [
        lambda: shop.ask(random.choice([1, 2, 4])),
        lambda: shop.approve(last(), yes=random.random() < 0.8),
        lambda: start(shop, last()),
        lambda: start(shop, last()),
        lambda: shop.releases.promote(shop.omar, "desk", AT),
        lambda: shop.releases.roll_back(shop.omar, "desk", AT),
        lambda: shop.releases.withdraw(shop.sam, "desk"),
        lambda: shop.releases.reject(shop.omar, "desk", last().number, ""),
        lambda: shop.releases.hold(shop.omar, "desk", "why"),
    ]
    for _ in range(30):
        before = shop.releases.of_deployment(shop.sam, "desk")
        try:
            random.choice(moves)()
        except (TrueupError, IndexError):
            assert shop.releases.of_deployment(shop.sam, "desk") == before
        states = shop.states()
        assert states.count("canary") + states.count("requested") <= 1
        assert "canary" not in states or "live" in states
        live = [r for r in shop.releases.serving(shop.sam) if r.state == "live"]
        assert not live or shop.champion() == live[0].version
        weights = [arm.weight for arm in shop.releases.routes(shop.sam)["desk"].arms]
        assert not weights or sum(weights) == 1
        for release in shop.releases.of_deployment(shop.sam, "desk"):
            known = began.setdefault(release.number, "requested")
            assert release.state == known or release.state in rules.TRANSITIONS[known]
            began[release.number] = release.state


# --- steps, pauses, the calendar

STEPS = ('entity = "who"', 'entity = "who"\ncanary = { steps = [0.01, 0.25, 1.0], lasts = "1d" }')
WEEKENDS = ("[[goals]]", '[calendar]\nhours = ["sat-sun 09:00-16:00"]\n\n[[goals]]')


def test_a_ramp_rises_step_by_step_to_everything(shop: Shop) -> None:
    shop.adopt(STEPS)
    live_at_one_canary_at_two(shop)
    salts = {shop.releases.routes(shop.sam)["desk"].salt}
    weights = [r.weight for r in shop.releases.serving(shop.sam) if r.state == "canary"]
    for _ in range(2):
        after = shop.releases.advance(shop.omar, "desk", LATER, "no harm")
        weights.append(after.weight)
        salts.add(shop.releases.routes(shop.sam)["desk"].salt)
    assert (weights, after.state) == ([0.01, 0.25, 1.0], "live")
    assert len(salts) == 1  # so no entity is ever given back
    assert shop.events("release.advanced")[0].why == "no harm"


def test_a_paused_release_stays_until_it_is_resumed(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    paused = shop.releases.pause(shop.omar, "desk", "let us look")
    assert shop.releases.pause(shop.omar, "desk", "again") == paused
    refused = refusal(ConflictError, shop.releases.advance, shop.omar, "desk", LATER, "no harm")
    assert (refused.code, "let us look" in refused.message) == ("release-paused", True)
    assert Brakes(shop.state).resume(shop.omar, "desk") == "release:desk@2 goes on"
    assert shop.releases.advance(shop.omar, "desk", LATER, "no harm").state == "live"


def test_a_shadow_answers_nobody(shop: Shop) -> None:
    shop.begin(1)
    release = shop.begin(2, strategy="shadow")
    first, beside = shop.releases.routes(shop.sam)["desk"].arms
    assert (release.is_shadow, first.weight, beside.shadow) == (True, 1.0, True)
    assert shop.releases.promote(shop.omar, "desk", LATER).state == "live"


def test_outside_of_the_calendar_a_release_waits(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    shop.adopt(WEEKENDS)
    shop.judge(2)
    refused = refusal(ConflictError, shop.releases.advance, shop.omar, "desk", AT, "no harm")
    assert (refused.code, "2026-03-07 09:00 UTC" in refused.message) == ("calendar-closed", True)
    refusal(DeniedError, shop.releases.override_calendar, shop.sam, "desk", "fix")
    shop.releases.override_calendar(shop.omar, "desk", "fix")
    assert shop.releases.advance(shop.omar, "desk", AT, "no harm").state == "live"
    assert [e.why for e in shop.events("release.calendar-overridden")] == ["fix"]


def test_the_calendar_never_blocks_a_rollback_or_a_stop(shop: Shop) -> None:
    live_at_one_canary_at_two(shop)
    shop.adopt(WEEKENDS)
    brakes = Brakes(shop.state)
    assert brakes.stop(shop.omar, "desk", AT, "wrong units").why == "wrong units"
    assert shop.releases.roll_back(shop.omar, "desk", AT).number == 1


def test_a_release_starts_no_earlier_than_it_was_asked_to(shop: Shop) -> None:
    release = shop.ask(1, starts_at=LATER)
    shop.approve(release)
    assert refusal(ConflictError, start, shop, release).code == "release-scheduled"
    shop.releases.schedule(shop.omar, "desk", AT)
    assert start(shop, release).state == "live"


def test_an_outlook_changes_nothing(shop: Shop) -> None:
    shop.adopt(STEPS)
    shop.begin(1)
    shop.judge(2)
    outlook = shop.releases.outlook(shop.sam, "desk", "small", "2")
    assert [step.weight for step in outlook.release.steps] == [0.01, 0.25]
    assert (outlook.replaces, outlook.approval) == ("small@1", "a second person will be asked")
    assert shop.states() == ["live"]
