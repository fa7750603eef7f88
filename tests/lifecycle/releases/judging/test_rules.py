"""What evidence proves about a new version, metric by metric, and what follows."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.plan.deployments import Deployment, Guard
from trueup.lifecycle.plan.guards import guarded
from trueup.lifecycle.releases.judging import rules
from trueup.lifecycle.releases.judging.evidence import (
    ArmTotals,
    Evidence,
    Moments,
    Period,
    latency_bins,
    score_bins,
)
from trueup.lifecycle.releases.judging.records import Decision, Figure

WEEK = timedelta(days=7)
PLAIN = guarded(Deployment(model="small"), "binary")


def rows(n: int, mean: float = 0.15, spread: float = 0.03) -> Moments:
    """So many rows, each of another unit, with such a mean and variance."""
    total, raw = n * mean, n * (spread + mean**2)
    return Moments(n, n, total, raw, total, n, raw)


def arm(
    n: int,
    *,
    failures: int = 0,
    loss: float | None = 0.15,
    spread: float = 0.03,
    slower: float = 1.0,
    scores: float = 2.0,
    units: int | None = None,
) -> ArmTotals:
    """An arm that answered so many requests of one row, with everything spread as it usually is."""
    at = (np.arange(n) + 0.5) / max(n, 1)
    failed = Moments(n, n, failures, failures, failures, n, failures)
    return ArmTotals(
        rows=n,
        requests=n,
        units=n if units is None else units,
        failing={"errors": failures},
        failed={"errors": failed},
        latency={1: latency_bins(slower * 0.02 * np.exp(at))},
        scores=score_bins(at**scores),
        values={} if loss is None else {"brier": rows(n, loss, spread)},
    )


def decide(
    new: ArmTotals,
    control: ArmTotals,
    days: float = 8,
    share: float = 0.25,
    guards: tuple[Guard, ...] = (),
) -> Decision:
    evidence = Evidence([Period(share, new, control)])
    found = guarded(Deployment(model="small", guard=guards), "binary")
    return rules.decide(found, evidence, timedelta(days=days), WEEK)


def figure(decision: Decision, metric: str) -> Figure:
    return next(f for f in decision.figures if f.metric == metric)


def outcomes(decision: Decision) -> dict[str, str]:
    return {f.metric: f.outcome for f in decision.figures}


# --- what follows


def test_no_harm_in_all_that_is_required_advances_after_the_agreed_time() -> None:
    same = (arm(20_000), arm(60_000))
    assert decide(*same, days=6.9).action == "continue"
    advanced = decide(*same, days=7)
    assert advanced.action == "advance"
    assert outcomes(advanced) == {
        "errors": "no-harm",
        "latency_p95": "no-harm",
        "brier": "no-harm",
        "score": "unchanged",
        "split": "unchanged",
    }


def test_harm_rolls_back_at_once() -> None:
    found = decide(arm(2_000, loss=0.25), arm(6_000), days=0.01)
    assert (found.action, figure(found, "brier").outcome) == ("roll-back", "harm")
    assert found.words.startswith("brier 0.2500 in the new version and 0.1500 beside it")


def test_doubt_goes_on_and_after_four_times_the_agreed_time_a_person_decides() -> None:
    doubt = (arm(60), arm(180))
    assert decide(*doubt, days=27.9).action == "continue"
    held = decide(*doubt, days=28)
    assert held.action == "hold"
    assert "errors" in held.words
    assert "brier" in held.words


@given(st.integers(0, 1), st.integers(0, 10_000), st.booleans(), st.floats(0, 100))
def test_no_data_is_never_a_pass(few: int, many: int, in_new: bool, days: float) -> None:
    pair = (arm(few), arm(many, failures=many // 2))
    found = decide(*(pair if in_new else pair[::-1]), days, guards=(Guard(metric="errors"),))
    assert found.action != "advance"
    assert found.action != "continue" or days < 28


def test_nothing_at_all_is_no_data_everywhere() -> None:
    found = rules.decide(PLAIN, Evidence(), 5 * WEEK, WEEK)
    assert found.action == "hold"
    assert set(outcomes(found).values()) == {"no-data"}


def test_labels_that_do_not_come_hold_what_they_are_required_for() -> None:
    unlabelled = (arm(20_000, loss=None), arm(60_000, loss=None))
    held = decide(*unlabelled, days=28)
    assert (held.action, held.words) == (
        "hold",
        "brier: 0 labelled rows of the new version, 0 beside it",
    )
    without = (Guard(metric="loss", required=False),)
    assert decide(*unlabelled, days=28, guards=without).action == "advance"


def test_nothing_required_proves_nothing() -> None:
    none = tuple(Guard(metric=name, required=False) for name in ("errors", "loss"))
    found = decide(arm(20_000), arm(60_000), days=28, guards=none)
    assert (found.action, found.words) == (
        "hold",
        "no metric is required, so nothing can be proven",
    )


def test_every_decision_can_be_stored_and_sent() -> None:
    for evidence in (Evidence(), Evidence([Period(0.1, arm(3), arm(9))])):
        decision = rules.decide(PLAIN, evidence, WEEK, WEEK)
        assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_the_budget_is_shared_by_all_metrics() -> None:
    found = decide(arm(200), arm(600))
    assert sum(f.alpha for f in found.figures) == pytest.approx(found.alpha) == 0.05


# --- failures


def test_failures_of_the_new_version_are_harm_without_any_label() -> None:
    found = decide(arm(300, failures=30, loss=None), arm(900, failures=6, loss=None), days=0.1)
    assert (found.action, outcomes(found)["errors"]) == ("roll-back", "harm")
    errors = figure(found, "errors")
    assert 0 < (errors.low or 0) < (errors.estimate or 0) < (errors.high or 0)
    assert found.words.startswith("errors: 10.00% of 300 rows of the new version and 0.67% of 900")


def test_failures_in_proportion_or_beside_the_new_version_are_none() -> None:
    assert decide(arm(500, failures=25), arm(1_500, failures=75)).action == "continue"
    assert decide(arm(500), arm(1_500, failures=200)).action != "roll-back"


def test_a_small_harm_that_the_margin_allows_is_none_however_well_it_is_known() -> None:
    small = decide(arm(400_000, failures=2_400), arm(1_200_000, failures=6_000))
    assert (figure(small, "errors").low or 0) > 0
    assert outcomes(small)["errors"] == "no-harm"
    strict = (Guard(metric="errors", margin=0.0005),)
    found = decide(arm(400_000, failures=2_400), arm(1_200_000, failures=6_000), guards=strict)
    assert outcomes(found)["errors"] == "harm"


def test_more_failures_than_are_allowed_at_all_are_harm_even_if_the_control_fails_too() -> None:
    both = (arm(500, failures=50), arm(1_500, failures=150))
    assert outcomes(decide(*both))["errors"] == "unknown"
    budget = (Guard(metric="errors", at_most=0.05),)
    assert outcomes(decide(*both, guards=budget))["errors"] == "harm"
    assert (
        outcomes(decide(*both, guards=(Guard(metric="errors", at_most=0.1),)))["errors"] != "harm"
    )


def test_rows_that_fail_together_count_for_less() -> None:
    alone, together = (
        Moments(units, 20_000, 100, squares, cross, sizes, 100)
        for units, squares, cross, sizes in (
            (20_000, 100, 100, 20_000),
            (1_000, 5 * 20**2, 5 * 20**2, 1_000 * 20**2),
        )
    )
    one, other = (
        ArmTotals(**(vars(arm(20_000)) | {"failed": {"errors": failed}}))
        for failed in (alone, together)
    )
    widths = [
        (figure(decide(new, arm(60_000, failures=300)), "errors").high or 1) for new in (one, other)
    ]
    assert widths[1] > 2 * widths[0]


def test_while_nothing_fails_a_request_counts_once_whatever_its_size() -> None:
    batches = ArmTotals(**(vars(arm(1_000)) | {"requests": 20}))
    assert outcomes(decide(arm(1_000), arm(3_000)))["errors"] == "no-harm"
    assert outcomes(decide(batches, arm(3_000)))["errors"] == "unknown"


def test_a_ramp_that_grows_while_everything_gets_worse_is_no_harm() -> None:
    """One in a thousand failed at first and one in ten later, in both arms alike."""
    early = Period(0.1, arm(1_000, failures=1), arm(9_000, failures=9))
    late = Period(0.5, arm(5_000, failures=500), arm(5_000, failures=500))
    found = rules.decide(PLAIN, Evidence([early, late]), WEEK, WEEK)
    errors = figure(found, "errors")
    assert errors.outcome != "harm"
    assert abs(errors.estimate or 0) < 0.001
    assert (errors.new or 0) > 2 * (errors.control or 0) / 1.5  # pooled rates would mislead


# --- the split


def test_traffic_that_is_split_otherwise_holds_for_a_person() -> None:
    wrong = decide(arm(6_000), arm(14_000), share=0.25)
    assert (wrong.action, outcomes(wrong)["split"]) == ("hold", "mismatch")
    assert wrong.words.startswith("6,000 of 20,000 entities met the new version, 5,000 expected")
    assert outcomes(decide(arm(6_000), arm(14_000), share=0.3))["split"] == "unchanged"


# --- latency and scores


def test_a_slower_version_is_harm_beyond_a_quarter_and_five_milliseconds() -> None:
    slow = decide(arm(3_000, slower=1.6), arm(9_000))
    assert (slow.action, outcomes(slow)["latency_p95"]) == ("roll-back", "harm")
    assert outcomes(decide(arm(3_000, slower=1.1), arm(9_000)))["latency_p95"] == "no-harm"
    wide = (Guard(metric="latency_p95", margin=0.1),)  # seconds
    assert outcomes(decide(arm(3_000, slower=1.6), arm(9_000), guards=wide))["latency_p95"] == (
        "no-harm"
    )


def test_only_requests_of_like_size_are_compared() -> None:
    new, control = arm(3_000, slower=4.0), arm(9_000)
    large = ArmTotals(**(vars(new) | {"latency": {5: new.latency[1]}}))
    assert outcomes(decide(new, control))["latency_p95"] == "harm"
    assert outcomes(decide(large, control))["latency_p95"] == "no-data"


def test_other_scores_are_told_and_are_no_harm() -> None:
    found = decide(arm(20_000, scores=3.0), arm(60_000))
    assert (found.action, outcomes(found)["score"]) == ("advance", "changed")


# --- means


def test_a_gain_passes() -> None:
    assert decide(arm(2_000, loss=0.1), arm(6_000, loss=0.2)).action == "advance"


def test_few_or_equal_rows_prove_nothing() -> None:
    few = decide(arm(49, loss=0.9), arm(6_000))
    assert outcomes(few)["brier"] == "unknown"
    assert "at least 50" in figure(few, "brier").words
    equal = decide(arm(1_000, spread=0.0), arm(3_000, spread=0.0))
    assert outcomes(equal)["brier"] == "unknown"


def test_less_reward_is_harm_and_more_is_none() -> None:
    def judged(reward: float, bounds: tuple[float, float] | None = None) -> str:
        guards = (Guard(metric="reward", margin=0.05, bounds=bounds),)
        new, control = (
            ArmTotals(**(vars(arm(n)) | {"values": {"reward": rows(n, mean, 0.2)}}))
            for n, mean in ((4_000, reward), (12_000, 0.3))
        )
        return outcomes(decide(new, control, guards=guards))["reward"]

    for bounds in (None, (0.0, 1.0)):
        assert judged(0.1, bounds) == "harm"
        assert judged(0.5, bounds) == "no-harm"


def test_a_margin_may_be_a_part_of_what_the_control_does() -> None:
    pair = (arm(20_000, loss=0.17), arm(60_000, loss=0.15))
    tight = decide(*pair, guards=(Guard(metric="loss", margin="5%"),))
    wide = decide(*pair, guards=(Guard(metric="loss", margin="30%"),))
    assert figure(tight, "brier").margin == pytest.approx(0.0075)
    assert (outcomes(tight)["brier"], outcomes(wide)["brier"]) == ("harm", "no-harm")


@given(st.floats(0, 0.5), st.floats(0, 0.3), st.integers(2, 50_000))
def test_a_worse_version_never_fares_better(loss: float, more: float, n: int) -> None:
    def judged(at: float) -> int:
        values = {"brier": rows(n, at)}
        new = ArmTotals(**(vars(arm(1)) | {"values": values}))
        control = ArmTotals(**(vars(arm(1)) | {"values": {"brier": rows(3 * n)}}))
        guards = tuple(g for g in PLAIN if g.metric == "brier")
        (found, _) = rules.figures(guards, Evidence([Period(0.25, new, control)]))
        return ["harm", "unknown", "no-harm"].index(found.outcome)

    assert judged(loss + more) <= judged(loss)


# --- shadows


def shadow(difference: float, n: int = 3_000, failures: int = 0) -> Decision:
    pairs = {"brier": rows(n, difference, 0.0005)}
    period = Period(0.5, arm(n, failures=failures), arm(n))
    evidence = Evidence([period], pairs, is_shadow=True)
    return rules.decide(PLAIN, evidence, WEEK, WEEK)


def test_a_shadow_is_compared_row_by_row() -> None:
    assert outcomes(shadow(0.0))["brier"] == "no-harm"
    assert outcomes(shadow(0.03))["brier"] == "harm"
    assert outcomes(shadow(0.015, 30_000))["brier"] == "no-harm"
    assert "split" not in outcomes(shadow(0.0))


def test_a_shadow_that_fails_alone_is_harm() -> None:
    assert outcomes(shadow(0.0, failures=60))["errors"] == "harm"
