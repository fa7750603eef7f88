"""A waiver lets one version pass in spite of one check: by somebody, for a reason, until a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from trueup.foundation import clock
from trueup.foundation.errors import DeniedError, GateFailedError, NotFoundError, UsageError
from trueup.lifecycle.gates.records import Verdict, Waiver
from trueup.lifecycle.gates.standing import failing, require_passed

from ..conftest import AT, Shop

DAY = timedelta(days=1)


def waive(shop: Shop, check: str = "ranked.limit", until: datetime = AT + 14 * DAY) -> Waiver:
    """Rita lets version 3 pass in spite of a check."""
    return shop.gates.waive(shop.rita, "small", "3", check, reason="a pilot", until=until)


def required(shop: Shop) -> Verdict:
    """The verdict that lets version 3 out."""
    with shop.state.read(shop.sam) as connection:
        version = shop.models.show(shop.sam, "small", "3")
        return require_passed(connection, shop.state.keys, version)


@pytest.fixture(autouse=True)
def at_nine() -> Iterator[None]:
    """All of it happens on one morning."""
    with clock.held_at(AT):
        yield


@pytest.fixture
def judged(shop: Shop) -> Shop:
    """A shop whose version 3 failed its limit."""
    assert [result.name for result in failing(shop.judge(3))] == ["ranked.limit"]
    return shop


def test_a_waived_check_lets_a_version_pass_and_the_verdict_says_so(judged: Shop) -> None:
    given = waive(judged)
    verdict = judged.judge(3)
    assert verdict.passed
    assert verdict.statement.waivers == (given,)
    assert {r.name: r.outcome for r in verdict.statement.results}["ranked.limit"] == "failed"
    assert failing(verdict) == []
    assert required(judged) == verdict
    (event,) = judged.events("check.waived")
    assert (event.why, event.data["check"]) == ("a pilot", "ranked.limit")


def test_a_verdict_counts_no_longer_when_its_waiver_ends(judged: Shop) -> None:
    waive(judged)
    judged.judge(3)
    with clock.held_at(AT + 15 * DAY), pytest.raises(GateFailedError) as caught:
        required(judged)
    assert caught.value.code == "waiver-ended"
    assert "rita for ranked.limit" in caught.value.message
    with clock.held_at(AT + 15 * DAY):
        assert not judged.judge(3).passed


def test_a_waiver_can_be_taken_back(judged: Shop) -> None:
    given = waive(judged)
    judged.judge(3)
    for _ in range(2):  # the second time changes nothing
        assert judged.gates.withdraw_waiver(judged.rita, given.id).withdrawn_at is not None
    assert len(judged.events("check.waiver-withdrawn")) == 1
    with pytest.raises(GateFailedError, match="that ended on"):
        required(judged)


@pytest.mark.parametrize("check", ["leakage", "ranked.limits", "limit"])
def test_only_a_check_that_refuses_can_be_waived(judged: Shop, check: str) -> None:
    with pytest.raises(UsageError) as caught:
        waive(judged, check)
    assert caught.value.code == "waiver-unneeded"
    assert "these did not pass: ranked.limit" in caught.value.message


def test_a_version_that_was_never_judged_has_nothing_to_waive(shop: Shop) -> None:
    with pytest.raises(NotFoundError, match="not judged yet"):
        waive(shop)


@pytest.mark.parametrize(
    ("until", "why"),
    [(AT - DAY, "it would have ended"), (AT + 181 * DAY, "180 days are most")],
)
def test_a_waiver_ends_on_a_day_ahead(judged: Shop, until: datetime, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        waive(judged, until=until)


def test_a_waiver_needs_a_reason(judged: Shop) -> None:
    with pytest.raises(UsageError, match="nobody said why"):
        judged.gates.waive(judged.rita, "small", "3", "ranked.limit", reason=" ", until=AT + DAY)


def test_who_trains_does_not_waive(judged: Shop) -> None:
    with pytest.raises(DeniedError, match=r"gates\.waive"):
        judged.gates.waive(judged.sam, "small", "3", "ranked.limit", reason="x", until=AT + DAY)


def test_a_waiver_of_one_version_says_nothing_of_another(judged: Shop) -> None:
    waive(judged)
    assert judged.judge(2).statement.waivers == ()
