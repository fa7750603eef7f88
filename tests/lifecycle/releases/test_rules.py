"""Where traffic goes, which states may follow, and what a canary proves."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates.records import Statement, Verdict
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.releases import rules
from trueup.lifecycle.releases.records import Release, ReleaseState

from ..conftest import AT

STATES = get_args(ReleaseState)


def release(number: int = 1, state: ReleaseState = "live", weight: float = 1.0) -> Release:
    return Release(
        deployment="desk",
        number=number,
        model="small",
        version=number,
        verdict="v",
        approval="a",
        strategy="canary",
        weight=weight,
        state=state,
        requested_by="sam",
        requested_at=AT,
    )


# --- states


@pytest.mark.parametrize("after", STATES)
@pytest.mark.parametrize("before", STATES)
def test_every_change_of_state_is_allowed_or_refused(
    before: ReleaseState, after: ReleaseState
) -> None:
    legal = {
        "requested": {"canary", "live", "rejected", "withdrawn"},
        "canary": {"canary", "live", "rolled-back"},
        "live": {"superseded", "rolled-back"},
        "superseded": {"live"},
    }
    if after in legal.get(before, set()):
        rules.may_become(release(state=before), after)
        return
    with pytest.raises(ConflictError) as caught:
        rules.may_become(release(state=before), after)
    assert caught.value.message == f"release:desk@1 is {before} and cannot become {after}."


@pytest.mark.parametrize("state", [s for s in STATES if s != "requested"])
def test_only_a_request_can_start(state: ReleaseState) -> None:
    rules.may_start(release(state="requested"))
    with pytest.raises(ConflictError):
        rules.may_start(release(state=state))


# --- what an approval is bound to


def verdict(**parts: str) -> Verdict:
    said = {"model_ref": "small@1", "model": "m", "plan": "p", "data": "d", "champion": "c"}
    statement = Statement(**(said | parts), metrics={}, outcome="PASSED", results=())
    return Verdict(
        id="v",
        statement=statement,
        digest="",
        signature="",
        key="",
        given_by="sam",
        given_at=AT,
        seconds=0.0,
    )


@pytest.mark.parametrize("part", ["plan", "data", "champion"])
def test_an_approval_dies_when_the_verdict_says_something_else(part: str) -> None:
    first = rules.approval_content("desk", "m", verdict())
    assert rules.approval_content("desk", "m", verdict(**{part: "other"})) != first


def test_an_approval_is_for_one_place_and_one_model() -> None:
    first = rules.approval_content("desk", "m", verdict())
    assert rules.approval_content("hall", "m", verdict()) != first
    assert rules.approval_content("desk", "n", verdict()) != first


def test_an_approval_outlives_a_second_verdict_of_the_same_words() -> None:
    again = msgspec.structs.replace(verdict(), id="w", seconds=9.0, given_by="rita")
    assert rules.approval_content("desk", "m", verdict()) == (
        rules.approval_content("desk", "m", again)
    )


# --- routes


def test_nothing_serves_before_the_first_release() -> None:
    assert rules.route("desk", Deployment(model="small"), []).arms == ()


def test_the_live_release_serves_everything() -> None:
    (only,) = rules.route("desk", Deployment(model="small"), [release(3)]).arms
    assert (only.release, only.model_ref, only.weight) == (3, "small@3", 1.0)


@given(st.floats(0.01, 0.99))
def test_a_canary_takes_its_share_of_the_rest(weight: float) -> None:
    canary = release(2, "canary", weight)
    arms = rules.route("desk", Deployment(model="small"), [canary, release(1)]).arms
    assert [(a.release, a.weight) for a in arms] == [(1, 1 - weight), (2, weight)]
    assert sum(a.weight for a in arms) == pytest.approx(1)


def test_a_canary_without_a_live_release_serves_everything() -> None:
    (only,) = rules.route("desk", Deployment(model="small"), [release(2, "canary", 0.25)]).arms
    assert only.weight == 1.0


def test_every_ramp_draws_other_entities_and_a_promotion_keeps_them() -> None:
    def salt(*serving: Release) -> str:
        return rules.route("desk", Deployment(model="small"), serving).salt

    first, second = release(2, "canary", 0.25), release(3, "canary", 0.25)
    assert salt(release(1), first) != salt(release(1), second)
    assert salt(release(1), first) == salt(release(2))
    assert rules.route("hall", Deployment(model="small"), [release(1)]).salt != salt(release(1))
