"""What gains each of the 28 tests its point, and what takes it away.

`PERFECT` is a model that has everything. Each change takes away exactly the tests that rest on it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from trueup.app.scoring import computing
from trueup.app.scoring.examples import demanding
from trueup.app.scoring.facts import (
    Defined,
    Executed,
    Facts,
    Judged,
    Made,
    Proposed,
    Ran,
    Remade,
    RolledBack,
    Search,
    Watched,
    WentLive,
)
from trueup.app.scoring.records import Scorecard
from trueup.lifecycle.gates.attestations.rubric import TESTS

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = (
    *("answers", "baseline", "fairness", "feature-value", "leakage", "privacy", "schema"),
    *("signature", "skew", "slices", "speed", "staleness", "tests"),
)
WATCHED = ("performance", "quality", "errors", "latency", "drift")
REFS = ("small@3", "small@2", "small@1")  # newest first
GOOGLE = ("manual process", "the pipeline is automated", "CI/CD of the pipeline is automated")
MICROSOFT = (
    "no MLOps",
    "DevOps, but no MLOps",
    "automated training",
    "automated deployment",
    "full MLOps",
)
ALL = {test.id for test in TESTS}


def ago(days: float) -> datetime:
    return AT - days * DAY


def ran(kind: str, number: int, outcome: Any = "passed") -> Ran:
    return Ran(
        kind=kind, outcome=outcome, verdict=f"v{number}", model_ref=f"small@{number}", at=ago(5)
    )


def watched(kind: str, ref: str, days: float, value: float) -> Watched:
    return Watched(
        deployment="desk",
        kind=kind,
        goal="ranked" if kind == "performance" else "",
        verdict="ok",
        model_ref=ref,
        at=ago(days),
        event=f"e{days:g}",
        value=value,
        rows=100,
    )


def made(number: int) -> Made:
    return Made(
        ref=f"small@{number}",
        at=ago(20),
        run=f"r{number}",
        origin="schedule",
        commit="c0ffee",
        is_clean=True,
        is_described=True,
        parameters={"depth": number},
        features={"rows": f"b3:{number}"},
        steps=5,
        kept=5,
    )


def live(number: int) -> WentLive:
    return WentLive(
        ref=f"release:desk@{number}",
        model_ref=f"small@{number}",
        at=ago(4),
        how="at-once" if number == 1 else "canary",
        is_first=number == 1,
        by_itself=True,
        verdict=f"v{number}",
        approved_by="rita",
        approval=f"a{number}",
    )


PERFECT = Facts(
    model="small",
    at=AT,
    serving="small@3",
    newest="small@3",
    demanded=dict.fromkeys(KINDS, ("good",)),
    deployments=("desk",),
    retrains=("ranked",),
    ran=tuple(ran(kind, number) for number in (3, 2) for kind in KINDS),
    judged=tuple(
        Judged(
            verdict=f"v{number}",
            model_ref=f"small@{number}",
            at=ago(5),
            passed=True,
            gate="production",
            measured={"ranked": 0.7 + number / 100},
        )
        for number in (3, 2, 1)
    ),
    made=tuple(made(number) for number in (3, 2, 1)),
    executed=tuple(
        Executed(run=f"r{number}", at=ago(20), finished=True, origin=origin)
        for number, origin in ((3, "commit"), (2, "data"), (1, "build"))
    ),
    went_live=tuple(live(number) for number in (3, 2, 1)),
    rolled_back=tuple(
        RolledBack(ref="release:desk@2", at=ago(days), event=f"e{days}", by_itself=True)
        for days in (10, 100)
    ),
    watched=(
        *(watched(kind, "small@3", days, 0.83) for days in (1, 2) for kind in WATCHED),
        watched("performance", "small@2", 40, 0.82),
        watched("performance", "small@1", 50, 0.81),
    ),
    searches=tuple(
        Search(id=f"s{days}", run=f"r{days}", at=ago(days), tried=({"depth": 3}, {"depth": 4}))
        for days in (30, 60)
    ),
    remade=tuple(Remade(run=f"r{n}", at=ago(n), is_equal=True) for n in (2, 3)),
    defined=tuple(
        Defined(ref=f"feature:rows@{number}", digest=f"b3:{number}", at=ago(12))
        for number in (3, 2)
    ),
    proposed=(Proposed(event="e7", at=ago(7), goal="ranked"),),
)


def but(**changes: Any) -> Facts:
    """The perfect model with something changed."""
    return msgspec.structs.replace(PERFECT, **changes)


def lost(facts: Facts) -> set[str]:
    """The tests without a full point."""
    return {line.id for line in computing.of(facts).lines if line.points < 1}


def levels(card: Scorecard) -> tuple[int, ...]:
    return tuple(each.reached for each in card.maturity)


def without(kind: str) -> Facts:
    """The plan no longer demands a family, though it once ran."""
    return but(demanded={name: goals for name, goals in PERFECT.demanded.items() if name != kind})


def test_every_test_of_the_rubric_has_a_rule_and_seven_stand_in_each_section() -> None:
    assert set(computing.RULES) == ALL
    assert len(ALL) == 28
    card = computing.of(PERFECT)
    assert [len(section.lines) for section in card.sections] == [7, 7, 7, 7]


def test_who_has_everything_has_all_points() -> None:
    card = computing.of(PERFECT)
    assert {line.id: line.words for line in card.lines if line.points < 1} == {}
    assert (card.final, card.means) == (7.0, "exceptional")
    assert levels(card) == (2, 4)


def test_nothing_is_fulfilled_by_itself() -> None:
    card = computing.of(Facts(model="small", at=AT))
    assert {line.points for line in card.lines} == {0.0}
    assert levels(card) == (0, 0)
    assert all(line.next for line in card.lines)


def test_every_point_is_proven_and_says_why() -> None:
    assert all(line.proofs and line.words and not line.next for line in computing.of(PERFECT).lines)


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        ("schema", {"D1", "Mo2"}),
        ("feature-value", {"D2", "D3"}),
        ("speed", {"D3", "Mo6"}),
        ("signature", {"D4"}),
        ("leakage", {"D4"}),
        ("privacy", {"D5"}),
        ("tests", {"D7", "I2"}),
        ("staleness", {"M4"}),
        ("baseline", {"M5"}),
        ("slices", {"M6"}),
        ("fairness", {"M7"}),
        ("skew", {"Mo3"}),
        ("answers", {"Mo5"}),
    ],
)
def test_a_check_counts_while_the_plan_demands_it_and_gates_pass_it(
    kind: str, tests: set[str]
) -> None:
    assert lost(without(kind)) == tests
    once = tuple(r for r in PERFECT.ran if r.kind != kind or r.model_ref == "small@3")
    assert lost(but(ran=once)) == tests
    for outcome in ("failed", "error", "not-enough-data"):
        others = (ran(kind, 2), *(r for r in PERFECT.ran if r.kind != kind))
        assert lost(but(ran=(ran(kind, 3, outcome), *others))) == tests
    assert lost(but(ran=tuple(r for r in PERFECT.ran if r.kind != kind))) == tests


def test_judging_one_version_over_and_over_is_not_repeating() -> None:
    others = tuple(r for r in PERFECT.ran if r.kind != "slices")
    same_day = (ran("slices", 3), ran("slices", 3))
    assert lost(but(ran=(*others, *same_day))) == {"M6"}
    next_day = msgspec.structs.replace(same_day[1], at=ago(6))
    assert lost(but(ran=(*others, same_day[0], next_day))) == set()


def test_a_check_that_refused_another_version_did_its_work() -> None:
    """What counts is the version that serves; the refusal is the second time that it ran."""
    refused = tuple(r for r in PERFECT.ran if r.kind != "slices")
    refused = (ran("slices", 4, "failed"), ran("slices", 3), *refused)
    assert lost(but(ran=refused)) == set()


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        ("performance", {"Mo7"}),
        ("quality", {"Mo2"}),
        ("errors", {"Mo5"}),
        ("latency", {"Mo6"}),
    ],
)
def test_a_monitor_counts_while_it_is_evaluated_again_and_again_and_all_is_well(
    kind: str, tests: set[str]
) -> None:
    others = tuple(w for w in PERFECT.watched if w.kind != kind)
    mine = tuple(w for w in PERFECT.watched if w.kind == kind)
    also = {"M2"} if kind == "performance" else set()
    assert lost(but(watched=others)) == tests | also
    assert lost(but(watched=(*others, *mine[:1]))) == tests | also
    for verdict in ("warning", "breach"):
        broken = msgspec.structs.replace(mine[0], verdict=verdict)
        assert lost(but(watched=(broken, *others, *mine[1:]))) == tests
    unsure = tuple(msgspec.structs.replace(w, verdict="not-enough-data") for w in mine)
    assert lost(but(watched=(*unsure, *others))) == tests
    waiting = msgspec.structs.replace(mine[0], verdict="not-enough-data", event="e0")
    assert lost(but(watched=(waiting, *PERFECT.watched))) == set(), "labels are still to come"


@pytest.mark.parametrize(
    ("changes", "tests"),
    [
        ({"defined": ()}, {"D6"}),
        ({"defined": PERFECT.defined[:1]}, {"D6"}),
        ({"went_live": ()}, {"D6", "M1", "I4", "I6"}),
        ({"judged": ()}, {"M2", "I3", "I4"}),
        ({"searches": ()}, {"M3"}),
        ({"searches": PERFECT.searches[:1]}, {"M3"}),
        ({"remade": ()}, {"I1"}),
        ({"remade": PERFECT.remade[:1]}, {"I1"}),
        ({"executed": ()}, {"I3", "Mo1"}),
        ({"rolled_back": PERFECT.rolled_back[:1]}, {"I7"}),
        ({"deployments": ()}, {"Mo2", "Mo5", "Mo6", "Mo7"}),
        ({"serving": ""}, {"Mo4"}),
    ],
)
def test_what_happened_counts_when_it_happened_twice(
    changes: dict[str, Any], tests: set[str]
) -> None:
    assert lost(but(**changes)) == tests


@pytest.mark.parametrize(
    ("field", "change", "tests"),
    [
        ("made", {"is_clean": False}, {"M1"}),
        ("made", {"commit": ""}, {"M1"}),
        ("made", {"origin": "person"}, {"Mo4"}),
        ("made", {"at": ago(100)}, {"Mo4"}),
        ("made", {"parameters": {"depth": 9}}, {"M3"}),
        ("made", {"features": {}}, {"D6", "D7"}),
        ("made", {"kept": 4}, {"I5"}),
        ("went_live", {"approved_by": ""}, {"M1"}),
        ("went_live", {"how": "at-once"}, {"I6"}),
        ("went_live", {"verdict": "forged"}, {"I4"}),
        ("went_live", {"at": ago(6)}, {"I4"}),  # before its verdict
        ("judged", {"passed": False}, {"I4"}),
        ("judged", {"measured": {"ranked": 0.7}}, {"M2"}),
        ("executed", {"origin": "schedule"}, {"Mo1"}),
        ("executed", {"origin": "person"}, {"I3", "Mo1"}),
        ("executed", {"finished": False}, {"I3"}),
        ("remade", {"is_equal": False}, {"I1"}),
        ("watched", {"model_ref": "small@2"}, {"M2", "I5"}),
        ("defined", {"at": ago(60)}, {"D6"}),
    ],
)
def test_what_happened_counts_when_it_was_done_well(
    field: str, change: dict[str, Any], tests: set[str]
) -> None:
    changed = tuple(msgspec.structs.replace(each, **change) for each in getattr(PERFECT, field))
    assert lost(but(**{field: changed})) == tests


def test_what_serves_must_be_young_whatever_was_trained_since() -> None:
    old = msgspec.structs.replace(PERFECT.made[0], at=ago(100))
    assert lost(but(made=(old, *PERFECT.made[1:]))) == {"Mo4"}


def test_gate_and_use_must_agree_on_which_version_is_better() -> None:
    contrary = tuple(
        msgspec.structs.replace(each, measured={"ranked": 1 - each.measured["ranked"]})
        for each in PERFECT.judged
    )
    assert lost(but(judged=contrary)) == {"M2"}


def test_evidence_grows_old() -> None:
    monitors = {"I5", "Mo2", "Mo5", "Mo6", "Mo7"}
    assert lost(but(at=AT + 28.5 * DAY)) == monitors - {"I5"}  # one evaluation is left
    assert lost(but(at=AT + 31 * DAY)) == monitors
    rare = {"D6", "M1", "M2", "M3", "I4", "I6", "I7"}
    assert lost(but(at=AT + 91 * DAY)) == ALL - rare
    assert lost(but(at=AT + 367 * DAY)) == ALL


def test_a_gate_that_reproduces_each_run_is_as_good_as_doing_it_by_hand() -> None:
    extra = tuple(ran("reproduction", number) for number in (3, 2))
    facts = but(
        remade=(), ran=(*PERFECT.ran, *extra), demanded={**PERFECT.demanded, "reproduction": ("g",)}
    )
    assert lost(facts) == set()


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({"executed": ()}, (0, 1)),
        ({"rolled_back": ()}, (2, 3)),
        ({"proposed": ()}, (1, 3)),
        ({"remade": ()}, (2, 1)),
        ({"made": ()}, (0, 0)),
    ],
)
def test_a_level_is_reached_when_all_below_it_are(
    changes: dict[str, Any], reached: tuple[int, int]
) -> None:
    card = computing.of(but(**changes))
    assert levels(card) == reached
    google, microsoft = card.maturity
    assert google.title == GOOGLE[reached[0]]
    assert microsoft.title == MICROSOFT[reached[1]]


def test_the_score_is_the_smallest_of_the_four_sums() -> None:
    card = computing.of(without("skew"))
    assert [section.points for section in card.sections] == [7, 7, 7, 6]
    assert card.final == 6
    assert [line.id for line in computing.to_gain(card)] == ["Mo3"]


def test_every_family_that_a_plan_can_read_has_a_line_to_paste() -> None:
    known = [kind for kind in KINDS if demanding(kind)]
    assert {"answers", "leakage", "signature", "speed"} <= set(known)
    assert demanding("no-such-family") == ()
