"""A breach asks for one retraining, once, and the next one waits until there is new evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.lifecycle.improvement import rules, table
from trueup.lifecycle.improvement.records import Proposal, ProposalState
from trueup.lifecycle.improvement.service import Improvements

from ..conftest import AT, Shop

ACTOR = service("automation")
STATES = get_args(ProposalState)
DAY = timedelta(days=1)


def propose(
    shop: Shop, cause: str = "event-1", days: float = 0, place: str = "desk"
) -> Proposal | None:
    return Improvements(shop.state).propose(
        ACTOR, place, "ranked", cause=cause, alert="alert-1", at=AT + days * DAY
    )


def record(shop: Shop, proposal: Proposal, state: ProposalState, **facts: object) -> Proposal:
    return Improvements(shop.state).record(
        ACTOR,
        proposal.id,
        state,
        why="because",
        **facts,  # type: ignore[arg-type]
    )


@pytest.fixture
def proposal(shop: Shop) -> Proposal:
    """A proposal for the desk."""
    made = propose(shop)
    assert made is not None
    return made


def test_a_breach_proposes_the_model_of_the_place(shop: Shop, proposal: Proposal) -> None:
    assert (proposal.state, proposal.model, proposal.deployment) == ("proposed", "small", "desk")
    assert (proposal.cause, proposal.alert, proposal.proposed_at) == ("event-1", "alert-1", AT)
    (event,) = shop.events("improvement.proposed")
    assert (event.subject, event.why) == ("deployment:desk", "goal 'ranked' is breached")
    assert event.data["proposal"] == proposal.id


def test_the_same_cause_gives_the_proposal_there_is(shop: Shop, proposal: Proposal) -> None:
    assert propose(shop) == proposal
    record(shop, proposal, "failed", ended_at=AT)
    again = propose(shop, days=100)
    assert again is not None
    assert (again.id, again.state) == (proposal.id, "failed")
    assert len(shop.events("improvement.proposed")) == 1


def test_another_cause_waits_while_a_proposal_is_under_way(shop: Shop, proposal: Proposal) -> None:
    for state in ("training", "requested"):
        assert propose(shop, "event-2", days=100) is None
        record(shop, proposal, state)
    assert propose(shop, "event-2", days=100) is None


@pytest.mark.parametrize("approved", [False, True])
def test_it_waits_while_a_release_is_on_its_way(shop: Shop, approved: bool) -> None:
    shop.begin(1)
    waiting = shop.ask(2)
    if approved:
        shop.approve(waiting)
        shop.releases.start(shop.omar, "desk", 2, AT)
    assert propose(shop) is None
    assert propose(shop, "event-2", place="hall") is not None


def test_what_is_live_is_no_reason_to_wait(shop: Shop) -> None:
    shop.begin(1)
    assert propose(shop) is not None


@pytest.mark.parametrize(("early", "is_time"), [(0.1, False), (0, True)])
def test_after_a_refusal_there_must_be_new_evidence(
    shop: Shop, proposal: Proposal, early: float, is_time: bool
) -> None:
    days = rules.WAIT / DAY - early
    record(shop, proposal, "training")
    record(shop, proposal, "refused", ended_at=AT)
    assert (propose(shop, "event-2", days=days) is not None) == is_time


def test_a_place_that_the_plan_no_longer_has_gets_nothing(shop: Shop) -> None:
    shop.adopt(("[deployments.hall]", "[deployments.lobby]"))
    assert propose(shop, place="hall") is None


# --- what becomes of it


def test_each_step_is_written_down_with_its_facts(shop: Shop, proposal: Proposal) -> None:
    record(shop, proposal, "training")
    record(shop, proposal, "training", run="7k3f9qd2", candidate="small@5")
    record(shop, proposal, "requested", release=2)
    done = record(shop, proposal, "done", ended_at=AT + DAY)
    assert (done.run, done.candidate, done.release, done.ended_at, done.why) == (
        "7k3f9qd2",
        "small@5",
        2,
        AT + DAY,
        "because",
    )
    told = [
        (e.before, e.after) for e in shop.events(*(f"improvement.{state}" for state in STATES[1:]))
    ]
    assert told == [
        ("proposed", "training"),
        ("training", "training"),
        ("training", "requested"),
        ("requested", "done"),
    ]


def test_the_same_state_again_changes_nothing(shop: Shop, proposal: Proposal) -> None:
    first = record(shop, proposal, "training", run="7k3f9qd2")
    assert record(shop, proposal, "training") == first
    assert record(shop, proposal, "training", run="7k3f9qd2") == first
    assert len(shop.events("improvement.training")) == 1


@pytest.mark.parametrize("after", STATES)
@pytest.mark.parametrize("before", STATES)
def test_every_change_of_state_is_allowed_or_not(
    before: ProposalState, after: ProposalState
) -> None:
    legal = {
        "proposed": {"training", "failed"},
        "training": {"training", "refused", "failed", "requested"},
        "requested": {"done"},
    }
    assert rules.may_become(made(before), after) == (after in legal.get(before, set()))


def test_an_illegal_change_is_refused_and_changes_nothing(shop: Shop, proposal: Proposal) -> None:
    with pytest.raises(ConflictError) as caught:
        record(shop, proposal, "done")
    assert caught.value.code == "proposal-state"
    assert Improvements(shop.state).unfinished(ACTOR) == [proposal]


def test_an_unknown_proposal_is_refused(shop: Shop) -> None:
    with pytest.raises(NotFoundError) as caught:
        record(shop, made("proposed"), "training")
    assert caught.value.code == "proposal-not-found"


def test_only_what_is_open_is_unfinished(shop: Shop, proposal: Proposal) -> None:
    other = propose(shop, "event-2", days=1, place="hall")
    assert other is not None
    improvements = Improvements(shop.state)
    assert improvements.unfinished(ACTOR) == [proposal, other]
    record(shop, proposal, "failed", ended_at=AT)
    assert improvements.unfinished(ACTOR) == [other]
    assert [p.state for p in improvements.of_deployment(ACTOR, "desk")] == ["failed"]


def test_a_run_knows_its_proposal(shop: Shop, proposal: Proposal) -> None:
    record(shop, proposal, "training", run="7k3f9qd2")
    with shop.state.read(ACTOR) as connection:
        found = table.of_run(connection, "7k3f9qd2")
        assert found is not None
        assert found.id == proposal.id
        assert table.of_run(connection, "other") is None


def test_operators_and_viewers_propose_nothing(shop: Shop, viewer: Actor) -> None:
    improvements = Improvements(shop.state)
    for actor in (viewer, shop.omar, shop.rita):
        with pytest.raises(DeniedError):
            improvements.propose(actor, "desk", "ranked", cause="c", alert="a", at=AT)


# --- the rule


def made(state: ProposalState, ended_days_ago: float | None = None, number: int = 1) -> Proposal:
    return Proposal(
        id=f"p{number}",
        deployment="desk",
        goal="ranked",
        cause=f"c{number}",
        alert="a",
        model="small",
        proposed_at=AT,
        state=state,
        ended_at=None if ended_days_ago is None else AT - ended_days_ago * DAY,
    )


EARLIER = st.lists(st.builds(made, st.sampled_from(STATES), st.none() | st.floats(0, 100)))


@given(EARLIER)
def test_one_reason_is_enough_to_wait(earlier: list[Proposal]) -> None:
    each = [rules.reason_to_wait([proposal], AT) for proposal in earlier]
    assert bool(rules.reason_to_wait(earlier, AT)) == any(each)


@given(EARLIER, st.floats(0, 100))
def test_waiting_ends_and_does_not_begin_by_itself(earlier: list[Proposal], days: float) -> None:
    if not rules.reason_to_wait(earlier, AT):
        assert not rules.reason_to_wait(earlier, AT + days * DAY)


def test_the_first_breach_waits_for_nothing() -> None:
    assert rules.reason_to_wait([], AT) == ""
