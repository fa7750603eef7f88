"""Where traffic goes, which states may follow, and what a canary proves."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates.records import Statement, Verdict
from trueup.lifecycle.plan.deployments import Canary, Deployment
from trueup.lifecycle.releases import rules
from trueup.lifecycle.releases.records import Release, ReleaseState
from trueup.lifecycle.releases.rules import ArmEvidence, CanaryDecision

from ..conftest import AT

STATES = get_args(ReleaseState)
SETTINGS = Canary(weight=0.25, lasts="7d", margin=0.02)
WEEK = timedelta(days=7)


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


def arm(
    labelled: int, loss: float = 0.15, variance: float = 0.03, failures: int = 0
) -> ArmEvidence:
    return ArmEvidence(
        rows=labelled, failures=failures, labelled=labelled, loss=loss, variance=variance
    )


def judge(canary: ArmEvidence, control: ArmEvidence, days: float = 8) -> CanaryDecision:
    return rules.judge_canary(SETTINGS, AT, AT + timedelta(days=days), canary, control)


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


# --- the canary


def test_proven_harm_rolls_back_at_once() -> None:
    found = judge(arm(2000, loss=0.25), arm(6000, loss=0.15), days=0.5)
    assert (found.action, found.low > 0) == ("roll-back", True)
    assert found.words.startswith("Brier score 0.2500 in the canary and 0.1500 beside it")


def test_no_harm_beyond_the_margin_promotes_after_the_agreed_time() -> None:
    same = (arm(20_000), arm(60_000))
    assert judge(*same, days=6.9).action == "continue"
    assert judge(*same, days=7).action == "promote"


def test_a_gain_promotes_too() -> None:
    assert judge(arm(2000, loss=0.1), arm(6000, loss=0.2)).action == "promote"


def test_a_harm_that_the_margin_tolerates_is_still_harm_once_it_is_proven() -> None:
    assert judge(arm(400_000, loss=0.16), arm(400_000, loss=0.15)).action == "roll-back"


def test_doubt_goes_on_and_after_four_times_a_person_decides() -> None:
    doubt = (arm(40), arm(120))
    assert judge(*doubt, days=8).action == "continue"
    assert judge(*doubt, days=27.9).action == "continue"
    assert judge(*doubt, days=28).action == "hold"


@given(
    st.integers(0, 1), st.integers(0, 10**6), st.booleans(), st.floats(0, 100), st.floats(0, 0.25)
)
def test_no_data_is_never_a_pass(
    few: int, many: int, in_canary: bool, days: float, variance: float
) -> None:
    pair = (arm(few, 0.0, 0.0), arm(many, 0.9, variance))
    canary, control = pair if in_canary else pair[::-1]
    found = judge(canary, control, days)
    assert found.action == ("hold" if days >= 28 else "continue")
    assert "labelled rows" in found.words


def test_rows_that_do_not_differ_prove_nothing() -> None:
    found = judge(arm(1000, 0.15, 0.0), arm(1000, 0.15, 0.0))
    assert found.action == "continue"


def test_failures_of_the_canary_roll_back_without_any_label() -> None:
    found = judge(arm(0, failures=30), arm(0, failures=6), days=0.1)
    assert (found.action, found.words) == ("roll-back", "30 of 36 failures hit the canary")


def test_failures_in_proportion_or_beside_the_canary_do_not() -> None:
    assert judge(arm(0, failures=25), arm(0, failures=75)).action == "continue"
    assert judge(arm(0, failures=0), arm(0, failures=200)).action == "continue"


@given(st.floats(0, 0.5), st.floats(0, 0.3), st.integers(2, 50_000))
def test_a_worse_canary_never_fares_better(loss: float, more: float, rows: int) -> None:
    order = ["roll-back", "continue", "promote"]
    better = judge(arm(rows, loss), arm(3 * rows)).action
    worse = judge(arm(rows, loss + more), arm(3 * rows)).action
    assert order.index(worse) <= order.index(better)


def test_equal_models_are_rarely_rolled_back_however_often_one_looks() -> None:
    """A/A: 400 canaries, 12 weekly looks each; the budget is one false rollback in twenty."""
    random = np.random.default_rng(2026)
    lives, weeks, rows = 400, 12, 60
    false = 0
    for _ in range(lives):
        scores = random.beta(2, 2, size=(2, weeks, 3 * rows))
        losses = (scores - (random.random(scores.shape) < scores)) ** 2
        canary, control = losses[0, :, :rows], losses[1]
        for week in range(1, weeks + 1):
            found = judge(seen(canary[:week]), seen(control[:week]), days=7 * week)
            if found.action in ("roll-back", "promote"):
                false += found.action == "roll-back"
                break
    assert false <= 0.05 * lives


def test_a_worse_model_is_usually_found() -> None:
    """The same looks find a model that answers one half, always."""
    random = np.random.default_rng(7)
    found = 0
    for _ in range(50):
        scores = random.beta(0.5, 0.5, size=(12, 180))
        losses = (scores - (random.random(scores.shape) < scores)) ** 2
        blind = np.full((12, 60), 0.25) + random.normal(0, 1e-3, size=(12, 60))
        actions = {
            judge(seen(blind[:week]), seen(losses[:week]), days=7 * week).action
            for week in range(1, 13)
        }
        found += "roll-back" in actions
    assert found >= 45


def seen(losses: np.ndarray) -> ArmEvidence:
    """The evidence of an arm after some weeks."""
    return arm(losses.size, float(losses.mean()), float(losses.var(ddof=1)))
